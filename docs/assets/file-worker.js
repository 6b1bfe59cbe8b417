// Pages that are opened from disk may start no Worker. There, one whose script runs in a hidden frame takes its place,
// so that search works without a server.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.title = "search";
      document.body.appendChild(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      this.waiting = [];
      script.onload = () => {
        for (const data of this.waiting) this.hand(data);
        this.waiting = null;
      };
      script.onerror = () => this.dispatchEvent(new Event("error"));
      script.src = new URL(url, location.href).href;
      inside.document.body.appendChild(script);
    }

    hand(data) {
      const inside = this.frame.contentWindow;
      inside.dispatchEvent(new inside.MessageEvent("message", { data }));
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.hand(data);
    }

    terminate() {
      this.frame.remove();
    }
  };
}
