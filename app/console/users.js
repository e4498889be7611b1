// Owns the table of users, for administrators.

import { call, holds, isSame, listed, PAGE, state } from "./client.js";
import { confirmed, fill, h, icon, iconButton, say, show } from "./dom.js";
import { choice, field, form, group } from "./form.js";
import { time, toggle } from "./cells.js";
import { counted } from "./format.js";
import { room } from "./problem.js";

export function users(main) {
    let rows = [], cursor = null, name = "", timer, turn = 0;
    const body = h("tbody"), foot = h("p", { class: "foot" });
    const problem = room(() => load());
    const search = h("input", { type: "search", placeholder: "Part of the name", oninput: () => {
        name = search.value.trim();
        clearTimeout(timer);
        timer = setTimeout(() => load(), 200);
    } });
    const columns = ["Name", "Permissions", "Enabled", "Created"];
    main.replaceChildren(h("section", { "aria-labelledby": "users-title" },
        h("div", { class: "title" }, h("h1", { id: "users-title" }, "Users"), h("button", { type: "button", class: "primary", onclick: add }, icon("plus"), "Add user")),
        h("form", { class: "filters", role: "search", "aria-label": "Find users", onsubmit: event => event.preventDefault() }, h("label", {}, h("span", {}, "Name"), search)),
        problem.element, h("div", { class: "sheet" }, h("table", { class: "rows", "aria-labelledby": "users-title" },
            h("thead", {}, h("tr", {}, ...columns.map(text => h("th", { scope: "col" }, text)), h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")))), body)), foot));
    load();

    async function load(before = { rows: [], cursor: null }, wanted = before.rows.length + PAGE) {
        const mine = ++turn;
        const where = name ? { name: ["like", name.replace(/[\\%_]/g, "\\$&")] } : {};
        const found = await listed(page => call("users/read", { where, ...page }), before, wanted);
        if (mine !== turn) return;
        if (!found.res.ok) return problem.tell(found.res, () => load(before, wanted));
        problem.clear();
        const isOther = !isSame(found.rows, rows);
        ({ rows, cursor } = found);
        if (isOther || !rows.length) draw();
    }

    function draw() {
        fill(body, ...rows.length ? rows.map(line) : [h("tr", { class: "empty" }, h("td", { colspan: 5 }, h("p", {}, "No user is like that.")))]);
        const more = cursor ? [h("button", { type: "button", class: "quiet", onclick: () => load({ rows, cursor }) }, "Show more")] : [];
        fill(foot, h("span", {}, counted(rows.length, "user")), ...more);
    }

    function line(row) {
        const cell = (label, ...children) => h("td", { "data-label": label }, ...children);
        return h("tr", { class: row.enabled ? null : "off" },
            h("th", { scope: "row", class: "name" }, h("bdi", { title: row.name }, row.name), row.root ? h("small", { class: "badge" }, "root") : null),
            cell("Permissions", row.root ? "everything" : Object.keys(row.permissions).join(", ") || h("span", { class: "faint" }, "nothing")),
            cell("Enabled", toggle(row, enabled => change(row, "users/set-enabled", enabled))), cell("Created", time(row.created)),
            h("td", { class: "actions" }, row.root ? null : iconButton("pencil", `Permissions of ${row.name}`, () => permissions(row)),
                iconButton("lock", `Password of ${row.name}`, () => password(row)),
                iconButton("cross", `Delete ${row.name}`, () => remove(row), { class: "icon danger" })));
    }

    async function change(row, method, ...args) {
        const res = await call(method, row.id, ...args);
        if (!res.ok) {
            draw(); // a switch that was pressed stands as it was
            return problem.tell(res, () => change(row, method, ...args));
        }
        say("Saved");
        return reload();
    }

    const reload = () => load(undefined, Math.max(rows.length, PAGE));

    async function add() {
        const done = await show("Add user", close => form({
            fields: [
                field("name", "Name", h("input", { name: "name", required: true, maxlength: 255, autocomplete: "off", autofocus: true })),
                passwordField("Without one the user cannot sign in, but have tokens."),
                boxes(given => state.settings.permissions[given].default),
            ],
            save: "Add user",
            send: data => call("users/create", data.get("name"), { permissions: data.getAll("permission"), ...(data.get("password") ? { password: data.get("password") } : {}) }),
            done: close, close, places: { "/0": "name" },
        }));
        if (done) reload();
    }

    async function permissions(row) {
        const done = await show(`Permissions of ${row.name}`, close => form({
            fields: [boxes(given => row.permissions[given] === true)],
            save: "Save",
            send: data => call("users/set-permissions", row.id, Object.fromEntries(Object.keys(state.settings.permissions).map(each => [each, data.getAll("permission").includes(each)]))),
            done: close, close, places: { "/1": "permissions" },
        }));
        if (done) reload();
    }

    async function password(row) {
        const done = await show(`Password of ${row.name}`, close => form({
            fields: [h("p", {}, "All their sessions end."), passwordField("12 characters or more.")],
            save: "Set password",
            send: data => call("users/set-password", row.id, data.get("password")),
            done: close, close, places: { "/1": "password" },
        }));
        if (done) say("Password set");
    }

    async function remove(row) {
        if (await confirmed("Delete user?", `“${row.name}” and all their API tokens stop working at once. This cannot be undone.`, "Yes, delete user") === true) await change(row, "users/delete");
    }

    return { changed() {}, missed: reload, leave() { clearTimeout(timer); } };
}

function boxes(isChecked) {
    return group("permissions", "Permissions", ...Object.entries(state.settings.permissions).map(([name, told]) => choice("checkbox", "permission", name, told.title || name,
        { checked: isChecked(name), disabled: !holds(name) && !isChecked(name) }, told.description)));
}

function passwordField(hint) {
    return field("password", "Password", h("input", { type: "password", name: "password", autocomplete: "new-password" }), hint);
}
