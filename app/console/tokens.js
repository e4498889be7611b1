// Owns the table of tokens: what is asked for, what is shown, what is chosen, and that it stays true.

import { call, callUnless, isSignedOut, words } from "./client.js";
import { confirmed, h, icon, iconButton, say } from "./dom.js";
import { CELLS, COLUMNS } from "./cells.js";
import { Filters } from "./filters.js";
import { counted, isPast } from "./format.js";
import { Lines } from "./lines.js";
import { add, edit, rotate, usage } from "./token-dialogs.js";

const PAGE = 100;
const PAUSE = 200; // milliseconds in which several changes become one
const MOST_RELOADED = 300; // rows that are read again as a whole when one comes
const LANES = 6; // calls at once where there are many: as many connections as a browser opens

/** The view; answers what hears of changes. */
export function tokens(main) {
    const view = new Tokens();
    main.replaceChildren(view.element);
    view.load();
    return { changed: (id, action) => view.changed(id, action), missed: () => view.reload(), leave: () => view.leave() };
}

class Tokens {
    #cursor = null; #total = 0; #order = ["name", "asc"];
    #chosen = new Set(); #owners = new Map(); #asking = new AbortController();
    #changed = new Set(); #timer = null; // what is to be read again, and when
    #problem = h("div", { class: "problem", role: "alert", hidden: true });
    #head = h("tr"); #foot = h("p", { class: "foot" });
    #table = h("table", { class: "rows tokens", "aria-labelledby": "tokens-title" }, h("thead", {}, this.#head));
    #lines = new Lines(this.#table, row => this.#line(row));
    #bulk = h("div", { class: "bulk", role: "region", "aria-label": "Selected tokens", hidden: true });
    #filters = new Filters(name => { if (name === "owner") this.#drawHead(); this.load(); });
    #watcher = new IntersectionObserver(([seen]) => { if (seen.isIntersecting) this.#more(); }, { rootMargin: "600px" });

    constructor() {
        this.element = h("section", { "aria-labelledby": "tokens-title" },
            h("div", { class: "title" }, h("h1", { id: "tokens-title" }, "API tokens"),
                h("button", { type: "button", class: "primary", onclick: () => this.#add() }, icon("plus"), "Add token")),
            this.#filters.element, this.#problem, h("div", { class: "sheet" }, this.#table), this.#foot, this.#bulk);
        this.#drawHead();
    }

    leave() {
        this.#watcher.disconnect();
        this.#lines.leave();
        clearTimeout(this.#timer);
        this.#filters.leave();
        this.#asking.abort();
    }

    /** Read the first pages anew. What was asked for before is not wanted any more. */
    async load(wanted = PAGE) {
        this.#asking.abort();
        this.#asking = new AbortController();
        if (!this.#table.tBodies.length) this.#show([], "Loading…");
        await this.#read([], wanted);
    }

    /** Read as much as is shown anew. */
    async reload() {
        const { length } = this.#lines.rows;
        if (length <= MOST_RELOADED) await this.load(length);
        else this.#drawFoot("The list may have changed.");
    }

    changed(id, action) {
        if (action === "delete") return this.#remove(id);
        this.#changed.add(id);
        this.#timer ??= setTimeout(() => this.#catchUp(), PAUSE);
        return undefined;
    }

    /** Read again what has changed meanwhile, and all of it if that is not shown. */
    async #catchUp() {
        const ids = this.#changed;
        [this.#changed, this.#timer] = [new Set(), null];
        const rows = this.#lines.rows.filter(row => ids.has(row.id));
        for (let first = 0; first < rows.length; first += PAGE) await this.#refresh(rows.slice(first, first + PAGE));
        if (rows.length < ids.size) await this.reload();
    }

    async #refresh(rows) {
        const res = await call("api-tokens/read", { where: { id: ["in", rows.map(row => row.id)] }, ...this.#filters.owner });
        if (!res.ok) return;
        const found = new Map(res.data.map(row => [row.id, row]));
        for (const { id } of rows) if (found.has(id)) this.#replace(found.get(id)); else this.#remove(id);
    }

    /** Read what comes behind these rows, until there are so many. */
    async #read(before, wanted) {
        const { signal } = this.#asking;
        this.element.setAttribute("aria-busy", "true");
        let [rows, cursor, total] = [before, this.#cursor, null];
        do {
            const res = await this.#page(signal, rows.length ? { after: cursor } : { count: true });
            if (signal.aborted) return;
            if (!res.ok) return this.#refused(res);
            [rows, cursor, total] = [[...rows, ...res.data], res.meta.next_cursor, res.meta.total_rows ?? total];
        } while (cursor && rows.length < wanted);
        await this.#nameOwners(rows);
        if (signal.aborted) return;
        [this.#cursor, this.#total, this.#problem.hidden] = [cursor, total ?? this.#total, true];
        if (before.length) this.#lines.append(rows.slice(before.length)); else this.#draw(rows);
        this.#drawFoot();
        this.element.removeAttribute("aria-busy");
    }

    async #page(signal, place) {
        const options = { ...this.#filters.options, order_by: [this.#order], limit: PAGE, ...place };
        const res = await callUnless(signal, "api-tokens/read", options);
        return !signal.aborted && isSignedOut(res) ? call("api-tokens/read", options) : res;
    }

    #more() {
        const { rows } = this.#lines;
        if (this.#cursor && !this.element.hasAttribute("aria-busy")) this.#read(rows, rows.length + PAGE);
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
        return h("th", { scope: "col", "data-column": name, "aria-sort": sorted },
            h("span", { class: "heading" }, label, isSortable ? h("span", { class: "arrows" }, arrow("asc", "ascending", "up"), arrow("desc", "descending", "down")) : null));
    }

    #sort(name, way) {
        this.#order = [name, way];
        this.#drawHead();
        this.load();
    }

    #draw(rows) {
        const shown = new Set(rows.map(row => row.id));
        for (const id of this.#chosen) if (!shown.has(id)) this.#chosen.delete(id);
        const { isEmpty } = this.#filters;
        this.#show(rows, isEmpty ? "There are no tokens yet." : "No token is like that.", isEmpty);
        this.#drawBulk();
    }

    #show(rows, text, invites = false) {
        this.#lines.show(rows, h("tr", { class: "empty" }, h("td", { colspan: this.#columns().length + 2 }, h("p", {}, text),
            invites ? h("button", { type: "button", onclick: () => this.#add() }, "Add the first one") : null)));
    }

    #drawFoot(stale) {
        const more = this.#cursor ? h("button", { type: "button", class: "quiet", onclick: () => this.#more() }, "Show more") : null;
        const again = stale ? h("button", { type: "button", class: "quiet", onclick: () => this.load() }, "Reload") : null;
        const { length } = this.#lines.rows;
        const shown = this.#total > length ? `${length} of ${counted(this.#total, "token")}` : counted(length, "token");
        this.#table.setAttribute("aria-rowcount", Math.max(this.#total, length) + 1);
        this.#foot.replaceChildren(h("span", {}, stale ? `${shown}. ${stale}` : shown), ...[more, again].filter(Boolean));
        this.#watcher.disconnect();
        if (more) this.#watcher.observe(this.#foot);
        say(shown);
    }

    #line(row) {
        const chosen = h("input", { type: "checkbox", "aria-label": `Select ${row.name}`, checked: this.#chosen.has(row.id), onchange: () => this.#choose(row.id, chosen.checked) });
        const given = { owner: this.#owners.get(row.user_id), enable: enabled => this.#enable([row], enabled) };
        return h("tr", { class: row.enabled && !isPast(row.expires) ? null : "off" }, h("td", { class: "choose" }, chosen),
            ...this.#columns().map(({ name }) => CELLS[name](row, given)), h("td", { class: "actions" }, ...this.#actions(row)));
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
        if (this.#lines.has(row.id)) this.#lines.replace(row);
    }

    #remove(id) {
        if (!this.#lines.has(id)) return;
        this.#lines.remove(id);
        this.#total -= 1;
        this.#chosen.delete(id);
        if (!this.#lines.rows.length) this.#draw([]);
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
        const isDone = await this.#each(rows, row => call("api-tokens/set-enabled", row.id, enabled), row => this.#replace({ ...row, enabled }));
        if (isDone) say(`${rows.length === 1 ? rows[0].name : counted(rows.length, "token")} ${enabled ? "enabled" : "disabled"}`);
    }

    async #delete(rows) {
        const one = rows.length === 1;
        const text = one ? `“${rows[0].name}” stops working at once. This cannot be undone.` : `${counted(rows.length, "token")} stop working at once. This cannot be undone.`;
        const yes = one ? "Yes, delete API token" : `Yes, delete ${rows.length} API tokens`;
        if (await confirmed(one ? "Delete API token?" : "Delete API tokens?", text, yes) !== true) return;
        const isDone = await this.#each(rows, row => call("api-tokens/delete", row.id), row => this.#remove(row.id));
        if (isDone) say(`${one ? rows[0].name : counted(rows.length, "token")} deleted`);
    }

    async #disable(rows) {
        if (await confirmed("Disable API tokens?", `${counted(rows.length, "token")} will be refused until enabled again.`, `Yes, disable ${rows.length} API tokens`) === true) await this.#enable(rows, false);
    }

    /** Do the same with each; answers whether it went well with all. Those that it did not stay as they are. */
    async #each(rows, work, done) {
        const [waiting, refused] = [[...rows], []];
        const lane = async () => {
            for (let row; (row = waiting.shift());) {
                const res = await work(row);
                if (res.ok) done(row); else if (res.status === 404) this.#remove(row.id); else { refused.push(res); this.#replace(row); }
            }
        };
        await Promise.all(Array.from({ length: LANES }, lane));
        if (refused.length) this.#refused(refused[0], rows.length > 1 ? `${counted(refused.length, "token")} could not be changed. ` : "");
        else this.#problem.hidden = true;
        return !refused.length;
    }

    #refused(res, prefix = "") {
        this.#problem.replaceChildren(h("span", {}, prefix + words(res)), h("button", { type: "button", class: "quiet", onclick: () => this.load() }, "Try again"));
        this.#problem.hidden = false;
        this.element.removeAttribute("aria-busy");
        if (!this.#lines.rows.length) this.#show([], "Nothing could be read.");
    }

    #choose(id, chosen) {
        if (chosen) this.#chosen.add(id); else this.#chosen.delete(id);
        this.#drawBulk();
    }

    #chooseAll(chosen) {
        for (const { id } of this.#lines.rows) if (chosen) this.#chosen.add(id); else this.#chosen.delete(id);
        for (const box of this.#table.querySelectorAll("tbody .choose input")) box.checked = chosen;
        this.#drawBulk();
    }

    #drawBulk() {
        const all = this.#lines.rows, rows = all.filter(row => this.#chosen.has(row.id));
        this.#bulk.hidden = !rows.length;
        this.#bulk.replaceChildren(h("strong", {}, `${counted(rows.length, "token")} selected`),
            h("button", { type: "button", onclick: () => this.#disable(rows) }, "Disable"),
            h("button", { type: "button", class: "danger", onclick: () => this.#delete(rows) }, "Delete"));
        const box = this.#head.querySelector("input");
        box.checked = rows.length > 0 && rows.length === all.length;
        box.indeterminate = rows.length > 0 && !box.checked;
    }
}
