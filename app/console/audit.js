// Owns the list of what has happened.

import { call, holds, isSame, listed } from "./client.js";
import { fill, h } from "./dom.js";
import { moment } from "./format.js";
import { room } from "./problem.js";

const PAGE = 50; // events
const PARTIAL = new Set(["api-tokens/update-permissions", "users/create"]); // which say how permissions differ from what was
const QUIET = new Set(["removed", "repeated"]); // details that say something if they are so
const ACTIONS = ["api-tokens", "users", "session", "settings", "recovery"];

export function audit(main) {
    let rows = [], cursor = null, timer, turn = 0;
    const body = h("tbody"), foot = h("p", { class: "foot" });
    const problem = room(() => load());
    const kind = h("select", { onchange: () => load() }, h("option", { value: "" }, "Everything"), ...ACTIONS.map(name => h("option", { value: `${name}/` }, name)));
    const action = h("input", { type: "search", placeholder: "create, delete, …", oninput: () => soon(load) });
    const since = h("input", { type: "date", max: "9999-12-31", onchange: () => load() });
    const labelled = (text, control) => h("label", {}, h("span", {}, text), control);
    main.replaceChildren(h("section", { "aria-labelledby": "audit-title" },
        h("div", { class: "title" }, h("h1", { id: "audit-title" }, "Audit trail")),
        h("form", { class: "filters", role: "search", "aria-label": "Find events", onsubmit: event => event.preventDefault() },
            labelled("About", kind), labelled("Action", action), labelled("Since", since)),
        problem.element, h("div", { class: "sheet" }, h("table", { class: "rows", "aria-labelledby": "audit-title" },
            h("thead", {}, h("tr", {}, ...["When", "Who", "Action", "What"].map(text => h("th", { scope: "col" }, text)))), body)), foot));
    load();

    function soon(work) {
        clearTimeout(timer);
        timer = setTimeout(() => work(), 200);
    }

    function where() {
        const [prefix, part] = [kind.value, action.value.trim()];
        return {
            ...prefix && !part ? { action: ["starts with", prefix] } : {},
            ...part ? { action: ["like", `${escaped(prefix)}%${escaped(part)}%`] } : {},
            ...since.value ? { at: [">=", new Date(`${since.value}T00:00:00`).toISOString()] } : {},
        };
    }

    async function load(before = { rows: [], cursor: null }, wanted = before.rows.length + PAGE) {
        const mine = ++turn;
        const options = { where: where(), owner: holds("admin") ? "all" : "me" };
        const found = await listed(page => call("audit/read", { ...options, ...page, limit: PAGE }), before, wanted);
        if (mine !== turn) return;
        if (!found.res.ok) return problem.tell(found.res, () => load(before, wanted));
        problem.clear();
        const isOther = !isSame(found.rows, rows);
        ({ rows, cursor } = found);
        if (isOther || !rows.length) draw();
    }

    function draw() {
        fill(body, ...rows.length ? rows.map(line) : [h("tr", { class: "empty" }, h("td", { colspan: 4 }, h("p", {}, "Nothing like that has happened.")))]);
        fill(foot, ...cursor ? [h("button", { type: "button", class: "quiet", onclick: () => load({ rows, cursor }) }, "Show more")] : []);
    }

    const reload = () => load(undefined, Math.max(rows.length, PAGE));

    return { changed: () => soon(reload), missed: reload, leave() { clearTimeout(timer); } };
}

const escaped = text => text.replace(/[\\%_]/g, "\\$&");

function line(row) {
    const { name, allowed, ...rest } = row.details;
    const told = Object.entries(rest).filter(([key, value]) => value !== null && !(value === false && QUIET.has(key)))
        .map(([key, value]) => `${key.replaceAll("_", " ")}: ${written(value, PARTIAL.has(row.action))}`).join("; ");
    const cell = (label, ...children) => h("td", { "data-label": label }, ...children);
    return h("tr", {},
        h("th", { scope: "row" }, h("time", { datetime: row.at }, moment(row.at))),
        cell("Who", h("bdi", {}, row.actor_name ?? (row.actor_user ? "a deleted user" : "somebody")), row.actor_token ? h("small", { class: "faint" }, " by token") : null),
        cell("Action", h("code", {}, row.action), allowed === false ? h("small", { class: "badge bad" }, "refused") : null),
        cell("What", name ? h("bdi", {}, name) : "", told ? h("small", { class: "faint" }, ` ${told}`) : null));
}

/** A detail in words. Of several switches those that are on; where they are but a part of all, those too that are off. */
function written(value, isPartial) {
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (value === null || typeof value !== "object") return value;
    const names = Object.keys(value).filter(name => isPartial || value[name] !== false);
    return names.map(name => (value[name] === false ? `not ${name}` : name)).join(", ") || (isPartial ? "as usual" : "nothing");
}
