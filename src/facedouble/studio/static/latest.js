// Work of which only the newest is worth doing: while one is at it, the last one asked for waits.

export function latest() {
  let busy = false;
  let waiting = null;
  return async function run(work) {
    if (busy) {
      waiting = work;
      return;
    }
    busy = true;
    try {
      for (let next = work; next; ) {
        waiting = null;
        await next();
        next = waiting;
      }
    } finally {
      busy = false;
    }
  };
}

// Pictures by address, the last few.
export class Pictures {
  constructor(most, load) {
    this.most = most;
    this.load = load;
    this.held = new Map();
  }

  async get(address) {
    const found = this.held.get(address) || (await this.load(address));
    this.held.delete(address);
    this.held.set(address, found);
    for (const [old] of this.held) {
      if (this.held.size <= this.most) break;
      this.held.delete(old);
    }
    return found;
  }
}
