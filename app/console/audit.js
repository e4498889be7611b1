// Owns the list of what has happened.

import { call, holds, words } from "./client.js";
import { h } from "./dom.js";
import { moment } from "./format.js";

const PAGE = 50;
const ACTIONS = ["api-tokens", "users", "session", "settings", "recovery"];

export function audit(main) {
    let rows = [], cursor = null, timer, turn = 0;
    const body = h("tbody"), foot = h("p", { class: "foot" });
    const problem = h("div", { class: "problem", role: "alert", hidden: true });
    const kind = h("select", { onchange: () => load() }, h("option", { value: "" }, "Everything"), ...ACTIONS.map(name => h("option", { value: `${name}/` }, name)));
    const action = h("input", { type: "search", placeholder: "create, delete, …", oninput: soon });
    const since = h("input", { type: "date", onchange: () => load() });
    const labelled = (text, control) => h("label", {}, h("span", {}, text), control);
    main.replaceChildren(h("section", { "aria-labelledby": "audit-title" },
        h("div", { class: "title" }, h("h1", { id: "audit-title" }, "Audit trail")),
        h("form", { class: "filters", role: "search", "aria-label": "Find events", onsubmit: event => event.preventDefault() },
            labelled("About", kind), labelled("Action", action), labelled("Since", since)),
        problem, h("div", { class: "sheet" }, h("table", { class: "rows", "aria-labelledby": "audit-title" },
            h("thead", {}, h("tr", {}, ...["When", "Who", "Action", "What"].map(text => h("th", { scope: "col" }, text)))), body)), foot));
    load();

    function soon() {
        clearTimeout(timer);
        timer = setTimeout(() => load(), 200);
    }

    async function load(before = []) {
        const mine = ++turn;
        const where = {};
        const [prefix, part] = [kind.value, action.value.trim()];
        if (prefix && !part) where.action = ["starts with", prefix];
        if (part) where.action = ["like", `${escaped(prefix)}%${escaped(part)}%`];
        if (since.value) where.at = [">=", new Date(`${since.value}T00:00:00`).toISOString()];
        const res = await call("audit/read", { where, limit: PAGE, owner: holds("admin") ? "all" : "me", ...(before.length ? { after: cursor } : {}) });
        if (mine !== turn) return;
        problem.hidden = res.ok;
        if (!res.ok) {
            problem.replaceChildren(h("span", {}, words(res)), h("button", { type: "button", class: "quiet", onclick: () => load() }, "Try again"));
            return;
        }
        [rows, cursor] = [[...before, ...res.data], res.meta.next_cursor];
        body.replaceChildren(...rows.map(line));
        if (!rows.length) body.replaceChildren(h("tr", { class: "empty" }, h("td", { colspan: 4 }, h("p", {}, "Nothing like that has happened."))));
        foot.replaceChildren(cursor ? h("button", { type: "button", class: "quiet", onclick: () => load(rows) }, "Show more") : "");
    }

    return { changed: soon, missed: () => load(), leave() { clearTimeout(timer); } };
}

const escaped = text => text.replace(/[\\%_]/g, "\\$&");

function line(row) {
    const { name, allowed, ...rest } = row.details;
    const more = Object.entries(rest).filter(([, value]) => value !== null && value !== false);
    const told = more.map(([key, value]) => `${key.replaceAll("_", " ")}: ${typeof value === "object" ? Object.keys(value).join(", ") || "nothing" : value}`).join("; ");
    const cell = (label, ...children) => h("td", { "data-label": label }, ...children);
    return h("tr", {},
        h("th", { scope: "row" }, h("time", { datetime: row.at }, moment(row.at))),
        cell("Who", h("bdi", {}, row.actor_name ?? (row.actor_user ? "a deleted user" : "somebody")), row.actor_token ? h("small", { class: "faint" }, " by token") : null),
        cell("Action", h("code", {}, row.action), allowed === false ? h("small", { class: "badge bad" }, "refused") : null),
        cell("What", name ? h("bdi", {}, name) : "", told ? h("small", { class: "faint" }, ` ${told}`) : null));
}
