"""Sessions whose interpreter is a kernel of a Jupyter server or a kernel gateway, reached over HTTP and a websocket.

messages   the messages of the kernel protocol as they cross a websocket
server     the server's REST calls
claims     what a kernel says of itself and its files, read with suspicion
link       frames to and from what we have put into a kernel
kernel     one kernel as the host holds it: started, asked, interrupted, ended
boot       the code that puts our folder `box` into a kernel
action     one action under way
session    the `Session`
sandbox    the `Sandbox`
"""
