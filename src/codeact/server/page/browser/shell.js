// The frame of the page: its keys, its address, what it says for a moment, light and dark, and the two drawers.

const THEME = "codeact-theme";
const NARROW = 900; // pixels up to which the drawers lie over the conversation: also in the style sheet

export default {
  props: { orders: { type: Array, default: () => [] } },
  emits: ["new", "stop", "shut", "went"],
  data: () => ({ open: { side: true, panel: false }, said: [], aloud: "", dragging: false }),

  created() {
    this.last = 0;
    this.open.side = window.innerWidth > NARROW && sessionStorage.getItem("codeact-side") !== "no";
    this.dress(localStorage.getItem(THEME));
  },
  mounted() {
    document.addEventListener("keydown", this.pressed);
    window.addEventListener("popstate", this.went);
    window.addEventListener("dragover", this.dragged);
    window.addEventListener("drop", this.dropped);
    document.addEventListener("codeact-order", this.ordered);
    this.$nextTick(() => this.carryOut());
    setTimeout(() => window.socket?.on("run_javascript", this.refused)); // the socket is made when all is mounted
  },
  watch: {
    orders() {
      this.$nextTick(() => this.carryOut());
    },
  },
  unmounted() {
    document.removeEventListener("keydown", this.pressed);
    window.removeEventListener("popstate", this.went);
    window.removeEventListener("dragover", this.dragged);
    window.removeEventListener("drop", this.dropped);
    document.removeEventListener("codeact-order", this.ordered);
  },

  methods: {
    carryOut() {
      // What the server wants done, each once: [number, whose, method, arguments].
      for (const [number, to, name, args] of this.orders) {
        if (number <= this.last) continue;
        this.last = number;
        document.dispatchEvent(new CustomEvent("codeact-order", { detail: { to, name, args } }));
      }
    },
    ordered({ detail }) {
      if (detail.to === "shell") this[detail.name](...detail.args);
    },
    pressed(event) {
      const command = event.ctrlKey || event.metaKey;
      if (command && !event.shiftKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        this.open.side = true;
        this.$nextTick(() => this.$el.querySelector("input[type=search]")?.focus());
      } else if (command && event.shiftKey && event.key.toLowerCase() === "o") {
        event.preventDefault();
        this.$emit("new");
      } else if (event.key === "Escape") {
        if (window.innerWidth <= NARROW && (this.open.side || this.open.panel)) this.shut();
        else this.$emit("stop");
      }
    },
    shut() {
      if (this.open.panel) this.$emit("shut");
      this.open.side = this.open.panel = false;
    },
    dragged(event) {
      event.preventDefault(); // a file that is dropped must not replace the page
      if (!event.dataTransfer?.types.includes("Files")) return;
      this.dragging = true;
      clearTimeout(this.dragged_out);
      this.dragged_out = setTimeout(() => (this.dragging = false), 300); // no event says for sure that it has left
    },
    dropped(event) {
      event.preventDefault();
      this.dragging = false;
      const files = event.dataTransfer?.files ?? [];
      if (files.length) document.dispatchEvent(new CustomEvent("codeact-order", { detail: { to: "composer", name: "give", args: [files] } }));
    },
    refused(message) {
      // The toolkit's only use of sent JavaScript here: to load a page anew that it can no longer bring up to date.
      if (message.code.includes("window.location.reload()")) window.location.reload();
    },
    went() {
      this.$emit("went", window.location.pathname);
    },
    address(path, title) {
      if (window.location.pathname !== path) window.history.pushState(null, "", path);
      document.title = title;
      if (window.innerWidth <= NARROW) this.open.side = false;
    },
    unsearch() {
      this.$el.querySelector("input[type=search]").value = "";
    },
    toggle(name, wanted) {
      this.open[name] = wanted ?? !this.open[name];
      if (name === "side") sessionStorage.setItem("codeact-side", this.open.side ? "yes" : "no");
    },
    say(text, kind) {
      const one = { text, kind, id: Math.random() };
      this.said.push(one);
      setTimeout(() => this.drop(one.id), kind === "problem" ? 9000 : 4000);
    },
    drop(id) {
      this.said = this.said.filter((one) => one.id !== id);
    },
    tell(text) {
      this.aloud = text; // for those who hear the page
    },
    theme() {
      const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      const wanted = dark === "dark" ? "light" : "dark";
      localStorage.setItem(THEME, wanted);
      this.dress(wanted);
    },
    dress(theme) {
      if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
    },
  },

  render() {
    const notes = this.said.map((one) =>
      Vue.h("p", { key: one.id, class: ["said-once", one.kind], role: one.kind === "problem" ? "alert" : "status" }, one.text),
    );
    return Vue.h("div", { class: ["shell", { "with-side": this.open.side, "with-panel": this.open.panel }] }, [
      this.$slots.default?.(),
      this.open.side || this.open.panel ? Vue.h("div", { class: "scrim", onClick: this.shut }) : null,
      this.dragging ? Vue.h("div", { class: "dropping", "aria-hidden": "true" }, "Drop to give it to the conversation") : null,
      Vue.h("div", { class: "once" }, notes),
      Vue.h("p", { class: "hidden", role: "status", "aria-live": "polite" }, this.aloud),
    ]);
  },
};
