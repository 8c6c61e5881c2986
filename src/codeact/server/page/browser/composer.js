// Where a message is written: grows with it, sends it by Enter, takes files by drop, paste or choice.

const ICONS = {
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  clip: "M19 11l-7.5 7.5a4.2 4.2 0 0 1-6-6L13 5a2.8 2.8 0 0 1 4 4l-7.5 7.5a1.4 1.4 0 0 1-2-2L14 8",
  close: "M6 6l12 12M18 6L6 18",
};

function icon(name) {
  const path = Vue.h("path", { d: ICONS[name] });
  const line = { fill: name === "stop" ? "currentColor" : "none", stroke: "currentColor", "stroke-width": "1.7", "stroke-linecap": "round" };
  return Vue.h("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", ...line }, [path]);
}

export default {
  props: { busy: Boolean, note: String, most: Number },
  emits: ["send", "stop", "leave", "attach", "given", "taken", "refused"],
  data: () => ({ text: "", files: [], sending: false }),

  mounted() {
    document.addEventListener("codeact-order", this.ordered);
  },
  unmounted() {
    document.removeEventListener("codeact-order", this.ordered);
  },

  methods: {
    ordered({ detail }) {
      if (detail.to === "composer") this[detail.name](...detail.args);
    },
    focus() {
      this.$refs.field?.focus();
    },
    fill(text) {
      this.text = text;
      this.$nextTick(() => {
        this.grow();
        this.focus();
        this.$refs.field.setSelectionRange(text.length, text.length);
      });
    },
    sent() {
      // The server has taken the message; what was typed since stays.
      this.sending = false;
      this.text = this.text === this.last ? "" : this.text;
      this.files = this.files.filter((file) => file.state !== "there");
      this.$nextTick(this.grow);
    },
    failed() {
      this.sending = false;
    },
    grow() {
      const field = this.$refs.field;
      if (!field) return;
      field.style.height = "auto";
      field.style.height = Math.min(field.scrollHeight, window.innerHeight * 0.4) + "px";
    },
    pressed(event) {
      if (event.key === "Escape") {
        if (this.busy) this.$emit("stop");
        else if (this.note) this.$emit("leave");
        event.stopPropagation();
      }
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send();
    },
    send() {
      const waits = this.files.some((file) => file.state === "going");
      if (this.busy || this.sending || waits || !this.text.trim()) return;
      this.sending = true;
      this.last = this.text;
      this.$emit("send", this.text);
    },
    give(list) {
      for (const file of list) {
        this.files = this.files.filter((other) => other.name !== file.name); // the later one is meant
        const tooLarge = this.most && file.size > this.most;
        if (tooLarge) this.$emit("refused", { name: file.name, why: "it is larger than a file may be" });
        else this.files.push(Vue.reactive({ file, name: file.name, state: "going", leaving: Vue.markRaw(new AbortController()) }));
      }
      if (this.files.some((file) => file.state === "going")) this.$emit("attach");
    },
    async upload(folder) {
      // Each is the body of a request of its own, so the server writes it down as it comes.
      for (const given of this.files.filter((file) => file.state === "going" && !file.begun)) {
        given.begun = true;
        const asked = { method: "PUT", body: given.file, signal: given.leaving.signal };
        const answer = await fetch(folder + encodeURIComponent(given.name), asked).catch(() => null);
        if (given.leaving.signal.aborted) continue;
        if (answer?.ok) {
          given.state = "there";
          this.$emit("given", given.name);
        } else {
          const problem = await answer?.json().catch(() => null);
          this.files = this.files.filter((file) => file !== given);
          this.$emit("refused", { name: given.name, why: problem?.detail ?? "the service cannot be reached" });
        }
      }
    },
    takeBack(file) {
      file.leaving.abort();
      this.files = this.files.filter((other) => other !== file);
      if (file.state === "there") this.$emit("taken", file.name);
      this.focus();
    },
    pasted(event) {
      if (event.clipboardData?.files.length) {
        event.preventDefault();
        this.give(event.clipboardData.files);
      }
    },
    drawFiles() {
      const chips = this.files.map((file) => {
        const label = `Don't give ${file.name}`;
        const back = { type: "button", class: "small", "aria-label": label, title: label, onClick: () => this.takeBack(file) };
        const said = [Vue.h("span", file.state === "going" ? `${file.name} …` : file.name), Vue.h("button", back, [icon("close")])];
        return Vue.h("li", { class: ["file", file.state], key: file.name }, said);
      });
      return chips.length ? Vue.h("ul", { class: "files", "aria-label": "Files to give" }, chips) : null;
    },
    drawNote() {
      if (!this.note) return null;
      const leave = { type: "button", class: "small", "aria-label": "Don't edit", onClick: () => this.$emit("leave") };
      return Vue.h("p", { class: "mode" }, [this.note, Vue.h("button", leave, [icon("close")])]);
    },
  },

  render() {
    const field = Vue.h("textarea", {
      ref: "field",
      rows: 1,
      value: this.text,
      placeholder: "Ask for something that Python can do",
      "aria-label": "Message",
      maxlength: 100000,
      onInput: (event) => {
        this.text = event.target.value;
        this.grow();
      },
      onKeydown: this.pressed,
      onPaste: this.pasted,
    });
    const choose = Vue.h("input", {
      ref: "choose",
      type: "file",
      multiple: true,
      class: "hidden",
      tabindex: -1,
      "aria-hidden": "true",
      onChange: (event) => {
        this.give(event.target.files);
        event.target.value = "";
      },
    });
    const clip = { type: "button", class: "small", "aria-label": "Give files", title: "Give files", onClick: () => this.$refs.choose.click() };
    const act = this.busy
      ? Vue.h("button", { type: "button", class: "send stop", "aria-label": "Stop (Esc)", title: "Stop (Esc)", onClick: () => this.$emit("stop") }, [icon("stop")])
      : Vue.h("button", { type: "submit", class: "send", "aria-label": "Send (Enter)", title: "Send (Enter)", disabled: !this.text.trim() || this.sending }, [icon("send")]);
    return Vue.h(
      "form",
      {
        class: "composer",
        onSubmit: (event) => {
          event.preventDefault();
          this.send();
        },
      },
      [this.drawNote(), this.drawFiles(), Vue.h("div", { class: "line" }, [Vue.h("button", clip, [icon("clip")]), choose, field, act])],
    );
  },
};
