// Owns which lines of a long table are in the document: those near the window, and room for the others.
//
// Whatever a browser does takes longer the more elements there are: with 1,000 lines, a modal dialog took 0.6
// seconds to open. Lines come and go in chunks, each a body of the table.

import { h, inherit, refocus } from "./dom.js";

const CHUNK = 20; // rows
const NEAR = "500px"; // of the window
const FIRST = 2; // chunks that are there before it is known what is near
const GUESS = 51; // pixels that a line is high, until one was seen

export class Lines {
    #table; #line; #chunks = []; #drawn = new Map(); #tall = GUESS; // #drawn: id → line
    #watcher = new IntersectionObserver(seen => this.#seen(seen), { rootMargin: NEAR });

    /** `line` makes the line of a row, a `tr`. */
    constructor(table, line) {
        [this.#table, this.#line] = [table, line];
    }

    get rows() { return this.#chunks.flatMap(chunk => chunk.rows); }

    has(id) { return this.#chunkOf(id) !== undefined; }

    leave() { this.#watcher.disconnect(); }

    /** Show these in place of all that are there; where there are none, one line that says so. */
    show(rows, empty) {
        const [active, before, old] = [document.activeElement, this.#chunks, this.#drawn];
        if (this.#table.contains(active)) active.blur(); // were it removed, the page would be laid out, and be at its top
        this.#clear();
        this.#add(rows, place => place < FIRST || before[place]?.isDrawn, place => before[place]?.tall);
        if (!rows.length) this.#table.append(h("tbody", {}, empty));
        for (const [id, line] of old) inherit(line, this.#drawn.get(id));
        refocus(active);
    }

    /** Show these behind those that are there: a row that has come already stays where it is. */
    append(rows) {
        if (!this.#chunks.length) this.#clear();
        this.#add(rows.filter(row => !this.has(row.id)), () => false, () => undefined);
    }

    replace(row) {
        const chunk = this.#chunkOf(row.id);
        chunk.rows = chunk.rows.map(each => (each.id === row.id ? row : each));
        const [active, old] = [document.activeElement, this.#drawn.get(row.id)];
        if (!old) return;
        old.replaceWith(this.#made(row));
        inherit(old, this.#drawn.get(row.id));
        refocus(active);
        this.#number();
    }

    /** Without it; who was at its line is at the next one then. */
    remove(id) {
        const [active, rows, chunk, line] = [document.activeElement, this.rows, this.#chunkOf(id), this.#drawn.get(id)];
        const place = rows.findIndex(row => row.id === id);
        chunk.rows = chunk.rows.filter(row => row.id !== id);
        this.#drawn.delete(id);
        line?.remove();
        inherit(line, this.#drawn.get((rows[place + 1] ?? rows[place - 1])?.id));
        if (!chunk.rows.length) this.#drop(chunk); else if (!chunk.isDrawn) this.#fold(chunk);
        refocus(active);
        this.#number();
    }

    #chunkOf(id) { return this.#chunks.find(chunk => chunk.rows.some(row => row.id === id)); }

    #clear() {
        this.#watcher.disconnect();
        for (const body of [...this.#table.tBodies]) body.remove();
        [this.#chunks, this.#drawn] = [[], new Map()];
    }

    #drop(chunk) {
        this.#watcher.unobserve(chunk.body);
        chunk.body.remove();
        this.#chunks = this.#chunks.filter(each => each !== chunk);
    }

    #add(rows, isNear, tall) {
        for (let first = 0; first < rows.length; first += CHUNK) {
            const place = this.#chunks.length;
            const chunk = { rows: rows.slice(first, first + CHUNK), body: h("tbody"), isNear: isNear(place), isDrawn: false, tall: tall(place) ?? this.#tall };
            this.#chunks.push(chunk);
            if (chunk.isNear) this.#draw(chunk); else this.#fold(chunk);
            this.#table.append(chunk.body);
            this.#watcher.observe(chunk.body);
        }
        this.#number();
    }

    #seen(entries) {
        for (const { target, isIntersecting, boundingClientRect } of entries) {
            const chunk = this.#chunks.find(each => each.body === target);
            if (!chunk) continue;
            chunk.isNear = isIntersecting;
            if (chunk.isDrawn) this.#tall = chunk.tall = boundingClientRect.height / chunk.rows.length;
        }
        for (const chunk of this.#chunks) if (chunk.isNear) this.#draw(chunk); else this.#far(chunk);
        this.#number();
    }

    #draw(chunk) {
        if (chunk.isDrawn) return;
        chunk.isDrawn = true;
        chunk.body.replaceChildren(...chunk.rows.map(row => this.#made(row)));
    }

    #far(chunk) {
        if (!chunk.isDrawn || chunk.body.contains(document.activeElement)) return; // a keyboard goes on from there
        for (const { id } of chunk.rows) this.#drawn.delete(id);
        this.#fold(chunk);
    }

    /** Nothing but room for the lines. */
    #fold(chunk) {
        chunk.isDrawn = false;
        const room = h("tr", { class: "room", "aria-hidden": "true" }, h("td"));
        room.style.height = `${chunk.tall * chunk.rows.length}px`;
        chunk.body.replaceChildren(room);
    }

    #made(row) {
        const line = this.#line(row);
        this.#drawn.set(row.id, line);
        return line;
    }

    /** Say to those who listen which of all lines each is; the first one is the heading. */
    #number() {
        this.rows.forEach(({ id }, place) => this.#drawn.get(id)?.setAttribute("aria-rowindex", place + 2));
    }
}
