// Owns how the parts of a token are shown in its line of the table.

import { state } from "./client.js";
import { h, iconButton } from "./dom.js";
import { away, isPast, moment } from "./format.js";

export const COLUMNS = [
    { name: "name", label: "Name", isSortable: true },
    { name: "hint", label: "Token" },
    { name: "role", label: "Access", isSortable: true },
    { name: "owner", label: "Owner", isWide: true },
    { name: "enabled", label: "Enabled", isSortable: true },
    { name: "created", label: "Created", isSortable: true },
    { name: "last_used", label: "Last used", isSortable: true },
    { name: "expires", label: "Expires", isSortable: true },
];

const faint = text => h("span", { class: "faint" }, text);
const cell = (label, ...children) => h("td", { "data-label": label }, ...children);

export const time = text => h("time", { datetime: text, title: moment(text) }, away(text));

/** What stands above a column; `sort` is called with the way when it is to be sorted by. */
export function heading({ name, label, isSortable }, [by, direction], sort) {
    const sorted = by === name ? { asc: "ascending", desc: "descending" }[direction] : null;
    const arrow = (way, word, drawing) => iconButton(drawing, `Sort by ${label.toLowerCase()}, ${word}`, () => sort(way),
        { "aria-pressed": String(by === name && direction === way) });
    return h("th", { scope: "col", "data-column": name, "aria-sort": sorted },
        h("span", { class: "heading" }, label, isSortable ? h("span", { class: "arrows" }, arrow("asc", "ascending", "up"), arrow("desc", "descending", "down")) : null));
}

/** What stands in a column; `owner` is the owner's name, `enable` is called when it is switched. */
export const CELLS = {
    name: row => h("th", { scope: "row", class: "name" }, h("bdi", { title: row.name }, row.name), row.rotation ? h("small", { class: "badge" }, "rotating") : null),
    hint: row => cell("Token", h("code", {}, row.hint)),
    role: row => cell("Access", access(row)),
    owner: (row, { owner }) => cell("Owner", h("bdi", {}, owner ?? "…")),
    enabled: (row, { enable }) => cell("Enabled", toggle(row, enable)),
    created: row => cell("Created", time(row.created)),
    last_used: row => cell("Last used", row.last_used ? time(row.last_used) : faint("never")),
    expires: row => cell("Expires", expiry(row)),
};

/** A switch; it is answered for by whoever hears of it. */
export function toggle(row, enable) {
    const input = h("input", { type: "checkbox", role: "switch", checked: row.enabled, "aria-label": `${row.name} is enabled`, onchange: () => enable(input.checked) });
    return input;
}

function access(row) {
    const role = state.settings.roles[row.role];
    if (role) return h("span", { class: "badge" }, role.title);
    const names = Object.keys(row.permissions);
    return h("span", {}, h("span", { class: "badge" }, "Custom"), h("small", { class: "faint" }, ` ${names.join(", ") || "nothing"}`));
}

function expiry(row) {
    if (!row.expires) return faint("never");
    return isPast(row.expires) ? h("span", { class: "bad" }, "expired ", time(row.expires)) : time(row.expires);
}
