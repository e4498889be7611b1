// Owns the table of tokens: what is asked for, what is shown, what is chosen, and that it stays true.

import { call, callUnless, isSame, listed, PAGE } from "./client.js";
import { confirmed, fill, h, icon, iconButton, say } from "./dom.js";
import { CELLS, COLUMNS, heading } from "./cells.js";
import { Filters } from "./filters.js";
import { counted, isPast } from "./format.js";
import { Lines } from "./lines.js";
import { room } from "./problem.js";
import { add, edit, rotate, usage } from "./token-dialogs.js";

const PAUSE = 200; // milliseconds in which several changes become one
const MOST_RELOADED = 1000; // rows that are read again as a whole when one comes
const LANES = 6; // calls at once where there are many: as many connections as a browser opens

/** The view; answers what hears of changes. */
export function tokens(main) {
    const view = new Tokens();
    main.replaceChildren(view.element);
    view.load();
    return { changed: (id, action) => view.changed(id, action), missed: () => view.reload(), leave: () => view.leave() };
}

class Tokens {
    #cursor = null; #total = 0; #order = ["name", "asc"]; #isWide = false; #isStale = false; #hasLeft = false;
    #chosen = new Set(); #owners = new Map(); #asking = new AbortController();
    #changed = new Set(); #timer = null; // what is to be read again, and when
    #problem = room(() => this.load());
    #head = h("tr"); #foot = h("p", { class: "foot" });
    #table = h("table", { class: "rows tokens", "aria-labelledby": "tokens-title" }, h("thead", {}, this.#head));
    #lines = new Lines(this.#table, row => this.#line(row));
    #bulk = h("div", { class: "bulk", role: "region", "aria-label": "Selected tokens", hidden: true });
    #filters = new Filters(() => this.load());
    #watcher = new IntersectionObserver(([seen]) => { if (seen.isIntersecting) this.#more(); }, { rootMargin: "600px" });

    constructor() {
        this.element = h("section", { "aria-labelledby": "tokens-title" },
            h("div", { class: "title" }, h("h1", { id: "tokens-title" }, "API tokens"),
                h("button", { type: "button", class: "primary", onclick: () => this.#add() }, icon("plus"), "Add token")),
            this.#filters.element, this.#problem.element, h("div", { class: "sheet" }, this.#table), this.#foot, this.#bulk);
        this.#drawHead();
        this.#show([], "Loading…");
    }

    leave() {
        this.#hasLeft = true;
        this.#watcher.disconnect();
        this.#lines.leave();
        clearTimeout(this.#timer);
        this.#filters.leave();
        this.#asking.abort();
    }

    /** Read the first rows anew. What was asked for before is not wanted any more. */
    async load(wanted = PAGE) {
        if (this.#hasLeft) return;
        this.#asking.abort();
        this.#asking = new AbortController();
        await this.#read({ rows: [], cursor: null }, wanted);
    }

    /** Read as much as is shown anew, unless that is much. */
    async reload() {
        const { length } = this.#lines.rows;
        this.#isStale = length > MOST_RELOADED;
        if (this.#isStale) this.#drawFoot(); else await this.load(length);
    }

    changed(id, action) {
        if (action === "delete") {
            this.#changed.delete(id);
            this.#remove(id);
        } else {
            this.#changed.add(id);
            this.#timer ??= setTimeout(() => this.#catchUp(), PAUSE);
        }
    }

    /** Read again what has changed meanwhile, and all of it if that is not shown. */
    async #catchUp() {
        this.#timer = this.#isBusy ? setTimeout(() => this.#catchUp(), PAUSE) : null;
        if (this.#timer) return;
        const ids = this.#changed;
        this.#changed = new Set();
        const rows = this.#lines.rows.filter(row => ids.has(row.id));
        for (let first = 0; first < rows.length; first += PAGE) await this.#refresh(rows.slice(first, first + PAGE));
        if (rows.length < ids.size) await this.reload();
    }

    async #refresh(rows) {
        const res = await call("api-tokens/read", { where: { id: ["in", rows.map(row => row.id)] }, ...this.#isWide ? { owner: "all" } : {} });
        if (!res.ok) return;
        const found = new Map(res.data.map(row => [row.id, row]));
        for (const { id } of rows) if (found.has(id)) this.#replace(found.get(id)); else this.#remove(id);
    }

    get #isBusy() { return this.element.hasAttribute("aria-busy"); }

    /** Read what comes behind these rows, until there are so many. */
    async #read(before, wanted) {
        const { signal } = this.#asking, { isWide } = this.#filters, isMore = before.rows.length > 0;
        const options = { ...this.#filters.options, order_by: [this.#order] };
        const ask = page => callUnless(signal, "api-tokens/read", { ...options, ...page, count: !page.after });
        this.element.setAttribute("aria-busy", "true");
        const { res, rows, cursor, total } = await listed(ask, before, wanted);
        if (res.ok && isWide) await this.#nameOwners(rows);
        if (signal.aborted) return;
        this.element.removeAttribute("aria-busy");
        if (!res.ok) return this.#unread(res, isMore);
        [this.#cursor, this.#total] = [cursor, total ?? this.#total];
        this.#problem.clear();
        if (isMore) this.#lines.append(rows.slice(before.rows.length)); else this.#draw(rows, isWide);
        this.#drawFoot();
    }

    /** What comes behind what is shown is not known, if that is not what was asked for. */
    #unread(res, isMore) {
        if (!isMore) this.#cursor = null;
        if (!this.#lines.rows.length) this.#show([], "Nothing could be read.");
        this.#drawFoot();
        this.#problem.tell(res, () => (isMore ? this.#more() : this.load()));
    }

    #more() {
        const { rows } = this.#lines;
        if (this.#cursor && !this.#isBusy) this.#read({ rows, cursor: this.#cursor }, rows.length + PAGE);
    }

    // What is shown

    #columns() {
        return COLUMNS.filter(column => this.#isWide || !column.isWide);
    }

    #drawHead() {
        const all = h("input", { type: "checkbox", "aria-label": "Select all that are shown", onchange: () => this.#chooseAll(all.checked) });
        fill(this.#head, h("th", { scope: "col", class: "choose" }, all),
            ...this.#columns().map(column => heading(column, this.#order, way => this.#sort(column.name, way))), h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")));
        this.#drawBulk();
    }

    #sort(name, way) {
        this.#order = [name, way];
        this.#drawHead();
        this.load();
    }

    #draw(rows, isWide) {
        const { isEmpty } = this.#filters, shown = new Set(rows.map(row => row.id));
        for (const id of this.#chosen) if (!shown.has(id)) this.#chosen.delete(id);
        const isOther = this.#isWide !== isWide;
        [this.#isWide, this.#isStale] = [isWide, false];
        if (isOther || !rows.length || !isSame(rows, this.#lines.rows)) this.#show(rows, isEmpty ? "There are no tokens yet." : "No token is like that.", isEmpty);
        if (isOther) this.#drawHead(); else this.#drawBulk();
    }

    #show(rows, text, invites = false) {
        this.#lines.show(rows, h("tr", { class: "empty" }, h("td", { colspan: this.#columns().length + 2 }, h("p", {}, text),
            invites ? h("button", { type: "button", onclick: () => this.#add() }, "Add the first one") : null)));
    }

    #drawFoot() {
        const { length } = this.#lines.rows;
        const shown = this.#total > length ? `${length} of ${counted(this.#total, "token")}` : counted(length, "token");
        const text = this.#isStale ? `${shown}. The list may have changed.` : shown;
        const button = (label, onclick) => h("button", { type: "button", class: "quiet", onclick }, label);
        if (this.#foot.firstChild?.textContent !== text) say(text);
        this.#table.setAttribute("aria-rowcount", Math.max(this.#total, length) + 1);
        fill(this.#foot, h("span", {}, text), ...this.#cursor ? [button("Show more", () => this.#more())] : [], ...this.#isStale ? [button("Reload", () => this.load())] : []);
        this.#watcher.disconnect();
        if (this.#cursor) this.#watcher.observe(this.#foot);
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
        if (!this.#lines.rows.length) this.#draw([], this.#isWide);
        this.#drawFoot();
        this.#drawBulk();
    }

    async #nameOwners(rows) {
        const unknown = [...new Set(rows.map(row => row.user_id))].filter(id => !this.#owners.has(id));
        for (let first = 0; first < unknown.length; first += PAGE) {
            const res = await call("users/read", { where: { id: ["in", unknown.slice(first, first + PAGE)] } });
            if (res.ok) for (const user of res.data) this.#owners.set(user.id, user.name);
        }
    }

    // What is done

    async #then(dialog) {
        const row = await dialog;
        if (row) this.#lines.has(row.id) ? this.#replace(row) : this.reload();
    }

    async #add() {
        if (await add()) this.load(Math.min(Math.max(this.#lines.rows.length, PAGE), MOST_RELOADED));
    }

    async #enable(rows, enabled) {
        await this.#each(rows, row => call("api-tokens/set-enabled", row.id, enabled), row => this.#replace({ ...row, enabled }), enabled ? "enabled" : "disabled");
    }

    async #delete(rows) {
        const one = rows.length === 1;
        const text = one ? `“${rows[0].name}” stops working at once. This cannot be undone.` : `${counted(rows.length, "token")} stop working at once. This cannot be undone.`;
        const yes = one ? "Yes, delete API token" : `Yes, delete ${rows.length} API tokens`;
        if (await confirmed(one ? "Delete API token?" : "Delete API tokens?", text, yes) !== true) return;
        await this.#each(rows, row => call("api-tokens/delete", row.id), row => this.#remove(row.id), "deleted");
    }

    async #disable(rows) {
        if (await confirmed("Disable API tokens?", `${counted(rows.length, "token")} will be refused until enabled again.`, `Yes, disable ${rows.length} API tokens`) === true) await this.#enable(rows, false);
    }

    /** Do the same with each. Those that it did not go well with stay as they are, and it can be tried again. */
    async #each(rows, work, done, said) {
        const [waiting, failed] = [[...rows], []];
        let refusal;
        const lane = async () => {
            for (let row; (row = waiting.shift());) {
                const res = await work(row);
                if (res.ok) done(row); else if (res.status === 404) this.#remove(row.id); else {
                    refusal = res;
                    failed.push(row);
                    this.#replace(row);
                }
            }
        };
        await Promise.all(Array.from({ length: LANES }, lane));
        const told = rows.length === 1 ? rows[0].name : counted(rows.length, "token");
        if (refusal) this.#problem.tell(refusal, () => this.#each(failed, work, done, said), rows.length > 1 ? `${counted(failed.length, "token")} could not be changed. ` : "");
        else { this.#problem.clear(); say(`${told} ${said}`); }
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
        fill(this.#bulk, h("strong", {}, `${counted(rows.length, "token")} selected`),
            h("button", { type: "button", onclick: () => this.#disable(rows) }, "Disable"),
            h("button", { type: "button", class: "danger", onclick: () => this.#delete(rows) }, "Delete"));
        const box = this.#head.querySelector("input");
        box.checked = rows.length > 0 && rows.length === all.length;
        box.indeterminate = rows.length > 0 && !box.checked;
        if (this.#bulk.hidden && this.#bulk.contains(document.activeElement)) box.focus();
    }
}
