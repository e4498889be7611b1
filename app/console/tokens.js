// Owns the table of tokens: what is asked for, what is shown, what is chosen, and that it stays true.

import { call, callUnless, words } from "./client.js";
import { confirmed, h, icon, iconButton, say } from "./dom.js";
import { CELLS, COLUMNS } from "./cells.js";
import { Filters } from "./filters.js";
import { counted, isPast } from "./format.js";
import { add, edit, rotate, usage } from "./token-dialogs.js";

const PAGE = 100;
const PAUSE = 200; // milliseconds in which several changes become one
const MOST_RELOADED = 300; // rows that are read again as a whole when one comes

/** The view; answers what hears of changes. */
export function tokens(main) {
    const view = new Tokens();
    main.replaceChildren(view.element);
    view.load();
    return { changed: (id, action) => view.changed(id, action), missed: () => view.reload(), leave: () => view.leave() };
}

class Tokens {
    #rows = []; #cursor = null; #total = 0; #order = ["name", "asc"];
    #chosen = new Set(); #owners = new Map(); #asking = new AbortController(); #timer;
    #lines = new Map(); // id → line of the table
    #problem = h("div", { class: "problem", role: "alert", hidden: true });
    #body = h("tbody"); #head = h("tr"); #foot = h("p", { class: "foot" });
    #bulk = h("div", { class: "bulk", role: "region", "aria-label": "Selected tokens", hidden: true });
    #filters = new Filters(name => { if (name === "owner") this.#drawHead(); this.load(); });
    #watcher = new IntersectionObserver(([seen]) => { if (seen.isIntersecting) this.#more(); }, { rootMargin: "600px" });

    constructor() {
        this.element = h("section", { "aria-labelledby": "tokens-title" },
            h("div", { class: "title" }, h("h1", { id: "tokens-title" }, "API tokens"),
                h("button", { type: "button", class: "primary", onclick: () => this.#add() }, icon("plus"), "Add token")),
            this.#filters.element, this.#problem, this.#bulk,
            h("div", { class: "sheet" }, h("table", { class: "rows", "aria-labelledby": "tokens-title" }, h("thead", {}, this.#head), this.#body)), this.#foot);
        this.#drawHead();
    }

    leave() {
        this.#watcher.disconnect();
        clearTimeout(this.#timer);
        this.#filters.leave();
        this.#asking.abort();
    }

    /** Read the first page anew. What was asked for before is not wanted any more. */
    async load() {
        this.#asking.abort();
        this.#asking = new AbortController();
        this.element.setAttribute("aria-busy", "true");
        if (!this.#rows.length) this.#drawEmpty("Loading…");
        await this.#read([], { count: true });
    }

    /** Read as much as is shown anew. */
    async reload() {
        if (this.#rows.length <= MOST_RELOADED) await this.load();
        else this.#drawFoot("The list may have changed.");
    }

    async changed(id, action) {
        const place = this.#rows.findIndex(row => row.id === id);
        if (action === "delete") return place < 0 ? undefined : this.#remove(id);
        if (place < 0) return this.#soon(() => this.reload());
        const res = await call("api-tokens/read", { id, ...this.#filters.owner });
        if (res.ok) this.#replace(res.data); else if (res.status === 404) this.#remove(id);
        return undefined;
    }

    async #read(before, more) {
        const { signal } = this.#asking;
        const options = { ...this.#filters.options, order_by: [this.#order], limit: PAGE, ...more };
        let res = await callUnless(signal, "api-tokens/read", options);
        if (signal.aborted) return;
        if (!res.ok && [-32811, -32812, -32815].includes(res.status)) res = await call("api-tokens/read", options);
        if (signal.aborted) return;
        this.element.removeAttribute("aria-busy");
        if (!res.ok) return this.#refused(res);
        this.#problem.hidden = true;
        this.#rows = [...before, ...res.data];
        [this.#cursor, this.#total] = [res.meta.next_cursor, res.meta.total_rows ?? this.#total];
        await this.#nameOwners(res.data);
        if (before.length) this.#body.append(...res.data.map(row => this.#line(row))); else this.#draw();
        this.#drawFoot();
    }

    #more() {
        if (!this.#cursor || this.element.hasAttribute("aria-busy")) return;
        this.element.setAttribute("aria-busy", "true");
        this.#read(this.#rows, { after: this.#cursor });
    }

    #soon(work) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(work, PAUSE);
    }

    // What is shown

    #columns() {
        return COLUMNS.filter(column => this.#filters.isWide || !column.isWide);
    }

    #drawHead() {
        const all = h("input", { type: "checkbox", "aria-label": "Select all that are shown", onchange: () => this.#chooseAll(all.checked) });
        this.#head.replaceChildren(h("th", { scope: "col", class: "choose" }, all),
            ...this.#columns().map(column => this.#heading(column)), h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")));
    }

    #heading({ name, label, isSortable }) {
        const [by, direction] = this.#order;
        const sorted = by === name ? { asc: "ascending", desc: "descending" }[direction] : null;
        const arrow = (way, word, drawing) => iconButton(drawing, `Sort by ${label.toLowerCase()}, ${word}`, () => this.#sort(name, way),
            { "aria-pressed": String(by === name && direction === way) });
        return h("th", { scope: "col", "aria-sort": sorted },
            h("span", { class: "heading" }, label, isSortable ? h("span", { class: "arrows" }, arrow("asc", "ascending", "up"), arrow("desc", "descending", "down")) : null));
    }

    #sort(name, way) {
        this.#order = [name, way];
        this.#drawHead();
        this.load();
    }

    #draw() {
        this.#lines.clear();
        const shown = new Set(this.#rows.map(row => row.id));
        for (const id of this.#chosen) if (!shown.has(id)) this.#chosen.delete(id);
        if (this.#rows.length) this.#body.replaceChildren(...this.#rows.map(row => this.#line(row)));
        else this.#drawEmpty(this.#filters.isEmpty ? "There are no tokens yet." : "No token is like that.", this.#filters.isEmpty);
        this.#drawBulk();
    }

    #drawEmpty(text, invites = false) {
        this.#body.replaceChildren(h("tr", { class: "empty" }, h("td", { colspan: this.#columns().length + 2 }, h("p", {}, text),
            invites ? h("button", { type: "button", onclick: () => this.#add() }, "Add the first one") : null)));
    }

    #drawFoot(stale) {
        const more = this.#cursor ? h("button", { type: "button", class: "quiet", onclick: () => this.#more() }, "Show more") : null;
        const again = stale ? h("button", { type: "button", class: "quiet", onclick: () => this.load() }, "Reload") : null;
        const shown = this.#total > this.#rows.length ? `${this.#rows.length} of ${counted(this.#total, "token")}` : counted(this.#rows.length, "token");
        this.#foot.replaceChildren(h("span", {}, stale ? `${shown}. ${stale}` : shown), ...[more, again].filter(Boolean));
        this.#watcher.disconnect();
        if (more) this.#watcher.observe(this.#foot);
        say(shown);
    }

    #line(row) {
        const chosen = h("input", { type: "checkbox", "aria-label": `Select ${row.name}`, checked: this.#chosen.has(row.id), onchange: () => this.#choose(row.id, chosen.checked) });
        const given = { owner: this.#owners.get(row.user_id), enable: enabled => this.#enable([row], enabled) };
        const line = h("tr", { class: row.enabled && !isPast(row.expires) ? null : "off" }, h("td", { class: "choose" }, chosen),
            ...this.#columns().map(({ name }) => CELLS[name](row, given)), h("td", { class: "actions" }, ...this.#actions(row)));
        this.#lines.set(row.id, line);
        return line;
    }

    #actions(row) {
        return [
            iconButton("bars", `Usage of ${row.name}`, () => usage(row)),
            iconButton("pencil", `Edit ${row.name}`, () => this.#then(edit(row))),
            iconButton("turn", `Rotate ${row.name}`, () => this.#then(rotate(row))),
            iconButton("cross", `Delete ${row.name}`, () => this.#delete([row]), { class: "icon danger" }),
        ];
    }

    #replace(row) {
        this.#rows = this.#rows.map(each => (each.id === row.id ? row : each));
        this.#lines.get(row.id)?.replaceWith(this.#line(row));
    }

    #remove(id) {
        this.#rows = this.#rows.filter(row => row.id !== id);
        this.#total -= 1;
        this.#lines.get(id)?.remove();
        this.#chosen.delete(id);
        if (!this.#rows.length) this.#draw();
        this.#drawFoot();
        this.#drawBulk();
    }

    async #nameOwners(rows) {
        if (!this.#filters.isWide) return;
        const unknown = [...new Set(rows.map(row => row.user_id))].filter(id => !this.#owners.has(id));
        if (!unknown.length) return;
        const res = await call("users/read", { where: { id: ["in", unknown] } });
        if (res.ok) for (const user of res.data) this.#owners.set(user.id, user.name);
    }

    // What is done

    async #then(dialog) {
        const row = await dialog;
        if (row) this.#lines.has(row.id) ? this.#replace(row) : this.reload();
    }

    async #add() {
        if (await add()) this.load();
    }

    async #enable(rows, enabled) {
        await this.#each(rows, row => call("api-tokens/set-enabled", row.id, enabled), row => this.#replace({ ...row, enabled }));
        say(`${rows.length === 1 ? rows[0].name : counted(rows.length, "token")} ${enabled ? "enabled" : "disabled"}`);
    }

    async #delete(rows) {
        const one = rows.length === 1;
        const text = one ? `“${rows[0].name}” stops working at once. This cannot be undone.` : `${counted(rows.length, "token")} stop working at once. This cannot be undone.`;
        const yes = one ? "Yes, delete API token" : `Yes, delete ${rows.length} API tokens`;
        if (await confirmed(one ? "Delete API token?" : "Delete API tokens?", text, yes) !== true) return;
        await this.#each(rows, row => call("api-tokens/delete", row.id), row => this.#remove(row.id));
        say(`${one ? rows[0].name : counted(rows.length, "token")} deleted`);
    }

    async #disable(rows) {
        if (await confirmed("Disable API tokens?", `${counted(rows.length, "token")} will be refused until enabled again.`, `Yes, disable ${rows.length} API tokens`) === true) await this.#enable(rows, false);
    }

    /** Do the same with each; those that it did not go well with stay as they are. */
    async #each(rows, work, done) {
        const refused = [];
        await Promise.all(rows.map(async row => {
            const res = await work(row);
            if (res.ok || (res.status === 404)) done(row); else { refused.push(res); this.#replace(row); }
        }));
        if (refused.length) this.#refused(refused[0], rows.length > 1 ? `${counted(refused.length, "token")} could not be changed. ` : "");
        else this.#problem.hidden = true;
    }

    #refused(res, prefix = "") {
        this.#problem.replaceChildren(h("span", {}, prefix + words(res)), h("button", { type: "button", class: "quiet", onclick: () => this.load() }, "Try again"));
        this.#problem.hidden = false;
        if (!this.#rows.length) this.#drawEmpty("Nothing could be read.");
    }

    #choose(id, chosen) {
        if (chosen) this.#chosen.add(id); else this.#chosen.delete(id);
        this.#drawBulk();
    }

    #chooseAll(chosen) {
        for (const { id } of this.#rows) if (chosen) this.#chosen.add(id); else this.#chosen.delete(id);
        for (const line of this.#lines.values()) line.querySelector(".choose input").checked = chosen;
        this.#drawBulk();
    }

    #drawBulk() {
        const rows = this.#rows.filter(row => this.#chosen.has(row.id));
        this.#bulk.hidden = !rows.length;
        this.#bulk.replaceChildren(h("strong", {}, `${counted(rows.length, "token")} selected`),
            h("button", { type: "button", onclick: () => this.#disable(rows) }, "Disable"),
            h("button", { type: "button", class: "danger", onclick: () => this.#delete(rows) }, "Delete"));
        const all = this.#head.querySelector("input");
        all.checked = rows.length > 0 && rows.length === this.#rows.length;
        all.indeterminate = rows.length > 0 && !all.checked;
    }
}
