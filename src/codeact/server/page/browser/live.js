// A region whose content the server draws as HTML: one listener each for what can be pressed, sent and typed in it.
// What to do stands in `data-act`, on what in `data-on`.

const SLACK = 60; // pixels from the end at which somebody still counts as reading there
const DOWN = "M12 5v14M6 13l6 6 6-6";

function order(to, name, ...args) {
  document.dispatchEvent(new CustomEvent("codeact-order", { detail: { to, name, args } }));
}

// What needs no server: `data-here`.
const HERE = {
  theme: () => order("shell", "theme"),
  side: () => order("shell", "toggle", "side"),
  fill: (from) => order("composer", "fill", from.dataset.on),
};

// The keys that lead from one stop to the next, by what the stops are in.
const WAYS = [
  ["[role=tablist]", "ArrowLeft", "ArrowRight"],
  ["[role=tree], [data-arrows]", "ArrowUp", "ArrowDown"],
];

export default {
  props: { tag: { type: String, default: "div" }, follow: Boolean },
  emits: ["act"],
  data: () => ({ end: true }),

  mounted() {
    this.seen = new MutationObserver(() => this.changed());
    this.seen.observe(this.$el, { childList: true, subtree: true, characterData: true });
    if (this.follow) document.addEventListener("codeact-order", this.ordered);
    this.changed();
  },
  unmounted() {
    this.seen.disconnect();
    document.removeEventListener("codeact-order", this.ordered);
  },

  methods: {
    ordered({ detail }) {
      if (detail.to === "talk") this[detail.name](...detail.args);
    },
    changed() {
      this.refocus();
      const wanted = this.$el.querySelector("[data-focus]");
      if (wanted && !wanted.dataset.had) {
        wanted.dataset.had = "1";
        wanted.focus();
        wanted.select?.();
      }
      if (this.follow && this.end) this.$el.scrollTop = this.$el.scrollHeight;
    },
    focused(event) {
      const { act, on } = event.target.dataset;
      this.at = act ? `[data-act="${CSS.escape(act)}"][data-on="${CSS.escape(on ?? "")}"]` : null;
    },
    blurred(event) {
      const from = event.target;
      setTimeout(() => from.isConnected && this.$el.contains(from) && !this.$el.contains(document.activeElement) && (this.at = null));
    },
    refocus() {
      // What had the focus was drawn anew: so that whoever goes by keyboard is where they were.
      if (this.at && document.activeElement === document.body) this.$el.querySelector(this.at)?.focus({ preventScroll: true });
    },
    scrolled() {
      this.end = this.$el.scrollHeight - this.$el.scrollTop - this.$el.clientHeight < SLACK;
    },
    toEnd() {
      this.end = true;
      this.$el.scrollTop = this.$el.scrollHeight;
    },
    act(from, fields) {
      this.$emit("act", { act: from.dataset.act, on: from.dataset.on ?? "", fields: fields ?? {} });
    },
    clicked(event) {
      const here = event.target.closest("[data-here]");
      if (here) return HERE[here.dataset.here]?.(here);
      const from = event.target.closest("[data-act]");
      if (!from || from.tagName === "FORM" || !this.$el.contains(from)) return;
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a link in a new tab
      event.preventDefault();
      if (from.dataset.act === "copy") this.copy(from);
      else this.act(from);
    },
    sent(event) {
      const form = event.target.closest("form[data-act]");
      if (!form) return;
      event.preventDefault();
      const data = new FormData(form);
      const fields = {};
      for (const name of new Set(data.keys())) fields[name] = data.getAll(name).filter((value) => typeof value === "string");
      this.act(form, fields);
    },
    typed(event) {
      const from = event.target.closest("[data-typed]");
      if (!from) return;
      clearTimeout(this.later);
      this.later = setTimeout(() => this.$emit("act", { act: from.dataset.typed, on: from.value, fields: {} }), 200);
    },
    pressed(event) {
      if (event.key === "Escape") {
        const back = event.target.closest("[data-escape]");
        if (back) {
          event.stopPropagation();
          this.$emit("act", { act: back.dataset.escape, on: "", fields: {} });
        }
      }
      for (const [within, before, after] of WAYS) {
        const group = event.target.closest(within);
        if (!group || event.target.matches("input, select, textarea")) continue;
        const stops = [...group.querySelectorAll("[data-stop]")];
        const at = stops.indexOf(event.target);
        const to = { [after]: at + 1, [before]: at - 1, Home: 0, End: stops.length - 1 }[event.key];
        if (to === undefined) continue;
        stops[Math.max(0, Math.min(stops.length - 1, to))]?.focus();
        event.preventDefault();
      }
    },
    drawEnd() {
      const arrow = Vue.h("svg", { class: "icon", viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.7", "stroke-linecap": "round", "aria-hidden": "true" }, [Vue.h("path", { d: DOWN })]);
      return Vue.h("button", { type: "button", class: "to-end", title: "To the end", "aria-label": "To the end", onClick: this.toEnd }, [arrow]);
    },
    async copy(from) {
      const text = from.closest(".copied, .head")?.parentElement?.querySelector("pre, input");
      await navigator.clipboard?.writeText(text?.value ?? text?.textContent ?? "");
      from.classList.add("did");
      setTimeout(() => from.classList.remove("did"), 1200);
    },
  },

  render() {
    const hears = {
      onClick: this.clicked,
      onSubmit: this.sent,
      onInput: this.typed,
      onKeydown: this.pressed,
      onFocusin: this.focused,
      onFocusout: this.blurred,
      onScrollPassive: this.follow ? this.scrolled : undefined,
    };
    return Vue.h(this.tag, hears, [...(this.$slots.default?.() ?? []), this.follow && !this.end ? this.drawEnd() : null]);
  },
};
