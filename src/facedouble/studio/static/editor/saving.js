// Edits on their way to the server, one after the other, in the order in which they were made.

import { post } from "../api.js";

export class Saving {
  // changed(): something to show changed; answered(answer, last, path): it is on disk; failed(error).
  constructor(base, { changed, answered, failed }) {
    Object.assign(this, { base, changed, answered, failed });
    this.waiting = [];
    this.unsent = [];
    this.busy = false;
    this.saved = 0;
  }

  get pending() {
    return this.waiting.length + (this.busy ? 1 : 0);
  }

  send(path, body) {
    this.waiting.push([path, body]);
    this.changed();
    if (!this.busy) this.work();
  }

  again() {
    this.waiting = [...this.unsent.splice(0), ...this.waiting];
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    while (this.waiting.length) {
      const [path, body] = this.waiting.shift();
      try {
        const answer = await post(`${this.base}/${path}`, body);
        this.saved += 1;
        this.answered(answer, this.waiting.length === 0, path);
      } catch (error) {
        // What followed was meant for what is not there. Where nobody answered, all of it may be sent again.
        this.unsent = error.status === 0 ? [[path, body], ...this.waiting] : [];
        this.waiting = [];
        this.failed(error);
      }
      this.changed();
    }
    this.busy = false;
    this.changed();
  }
}
