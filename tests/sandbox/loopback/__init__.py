"""A Kubernetes API server and one node, on this machine: no cluster is at hand. Objects are held to the published
schemas and to the Pod Security Standard `restricted`; a pod's container is a real process in namespaces of its own.
"""
