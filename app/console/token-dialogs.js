// Owns the dialogs about one token: add, edit, rotate, its secret, its usage.

import { call, holds, state, words } from "./client.js";
import { chart } from "./chart.js";
import { copied, h, show } from "./dom.js";
import { choice, field, form, group } from "./form.js";
import { away, day, moment } from "./format.js";

const EXPIRIES = [["", "Never"], ["7d", "In 7 days"], ["30d", "In 30 days"], ["90d", "In 90 days"], ["365d", "In a year"], ["date", "On a date…"]];
const GRACES = [["0", "At once"], ["15m", "In 15 minutes"], ["1h", "In an hour"], ["1d", "In a day"], ["7d", "In 7 days"]];
const [SHORTEST, DISTINCT, GOOD] = [20, 8, 100];

/** Add a token; answers its row, once its secret has been seen. */
export async function add() {
    const res = await show("Add API token", close => {
        const value = secretField("A new value is generated.", "Left empty, one is generated.");
        return form({
            fields: [nameField(""), ...accessFields(null), expiryField(null), value],
            save: "Add token",
            send: data => call("api-tokens/create", data.get("name"), { ...accessOf(data), ...expiryOf(data), ...secretOf(data) }),
            done: close, close, places: { "/0": "name" },
        });
    });
    if (!res) return null;
    await showSecret("Token added", res.data);
    return res.data;
}

/** Edit a token; answers its row as it is then. */
export async function edit(row) {
    const res = await show(`Edit ${row.name}`, close => form({
        fields: [nameField(row.name), ...accessFields(row), expiryField(row), secretField("The value stays as it is.", "Left empty, it stays as it is.")],
        save: "Save",
        send: data => saved(row, data),
        done: close, close, places: { "/1": "permissions" },
    }));
    if (!res) return null;
    const read = await call("api-tokens/read", { id: row.id, ...(holds("admin") ? { owner: "all" } : {}) });
    return read.ok ? read.data : null;
}

async function saved(row, data) {
    const changes = { ...expiryOf(data), ...secretOf(data) };
    if (data.get("name") !== row.name) changes.name = data.get("name");
    const { role = null, permissions } = accessOf(data);
    if (role !== (row.role in state.settings.roles ? row.role : null)) changes.role = role; // a role may be gone
    let res = { ok: true };
    if (Object.keys(changes).length) res = await call("api-tokens/update", row.id, changes);
    if (res.ok && permissions && !isSame(permissions, row.permissions)) res = await call("api-tokens/set-permissions", row.id, permissions);
    return res;
}

const granted = map => Object.keys(map).filter(name => map[name]).sort().join();
const isSame = (one, other) => granted(one) === granted(other);

/** Give a token a new secret; answers its row. */
export async function rotate(row) {
    const usageNow = await call("api-tokens/get-usage", row.id);
    const idempotency_key = nonce(); // so that a lost answer can be asked for again
    const res = await show(`Rotate ${row.name}`, close => {
        const grace = h("select", { name: "grace" }, ...GRACES.map(([value, text]) => h("option", { value }, text)));
        return h("div", {}, running(row, usageNow, close), form({
            fields: [
                h("p", {}, "The token gets a new secret, and keeps its name and permissions."),
                field("grace", "The old secret stops working", grace),
                choice("checkbox", "until_first_use", "yes", "Or earlier, when the new secret is first used"),
            ],
            save: "Rotate",
            send: data => {
                const grace = data.get("grace");
                return call("api-tokens/rotate", row.id, { idempotency_key, ...grace === "0" ? {} : { grace, until_first_use: data.has("until_first_use") } });
            },
            done: close, close,
        }));
    });
    if (!res) return null;
    if (res.data.token) await showSecret("New secret", res.data);
    const { token: _, ...shown } = res.data;
    return shown;
}

/** What is to be said of a rotation whose old secret still works: until when, and whether it is used. */
function running(row, usageNow, close) {
    if (!row.rotation) return null;
    const last = usageNow.ok ? usageNow.data.previous_last_used : null;
    const used = last ? `It was last used ${away(last)} (${moment(last)}): somebody still has it.` : "Nobody has used it since.";
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    async function end() {
        const res = await call("api-tokens/update", row.id, { finish_rotation: true });
        if (res.ok) return close(res);
        problem.textContent = words(res);
        problem.hidden = false;
        return undefined;
    }
    return h("div", { class: "note" }, h("p", {}, `The old secret works until ${moment(row.rotation.ends)}. ${used}`), problem,
        h("button", { type: "button", onclick: end }, "End the old secret now"));
}

/** Show a secret, this once: no slip of a finger takes it away. */
function showSecret(title, row) {
    const curl = `curl ${location.origin}/v1/session/read -H 'Authorization: Bearer ${row.token.replace(/'/g, "'\\''")}'`;
    return show(title, close => h("div", { class: "secret" },
        h("p", { class: "warning" }, "Copy the secret now. It will not be shown again."),
        copied("Secret", row.token), h("p", { class: "hint" }, "To try it:"), copied("Command", curl, "pre"),
        h("div", { class: "buttons" }, h("button", { type: "button", class: "primary", onclick: () => close(true) }, "I have copied it"))),
    { isHeld: true });
}

/** Show how a token is used. */
export async function usage(row) {
    const res = await call("api-tokens/get-usage", row.id);
    await show(`Usage of ${row.name}`, close => h("div", {},
        res.ok ? told(row, res.data) : h("p", { class: "problem", role: "alert" }, words(res)),
        h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => close("") }, "Close"))));
}

function told(row, data) {
    const last = data.last_used ? `${away(data.last_used)} (${moment(data.last_used)})` : "never";
    return h("div", {}, h("dl", { class: "facts" }, h("dt", {}, "Last used"), h("dd", {}, last), h("dt", {}, "Short id"), h("dd", {}, h("code", {}, row.key_id))),
        chart(data.days, "Verifications"));
}

/** 128 random bits; randomUUID is for pages with https alone. */
const nonce = () => [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");

// Fields

function nameField(name) {
    return field("name", "Name", h("input", { name: "name", value: name, required: true, maxlength: 255, autocomplete: "off", autofocus: true }));
}

/** Access by a role or by single permissions; what the person does not hold cannot be ticked. */
function accessFields(row) {
    const roles = Object.entries(state.settings.roles);
    const isCustom = row ? !state.settings.roles[row.role] : false;
    const first = roles.find(([, { permissions }]) => permissions.every(holds))?.[0];
    const picked = row ? row.role : first;
    const offered = roles.map(([name, { title, permissions }]) => choice("radio", "access", name, title,
        { checked: !isCustom && name === picked, disabled: !permissions.every(holds) && name !== picked, onchange: draw }, permissions.join(", ")));
    const custom = choice("radio", "access", "", "Custom", { checked: isCustom || picked === undefined, onchange: draw }, "single permissions");
    const boxes = group("permissions", "Permissions", ...Object.entries(state.settings.permissions).map(([name, told]) => choice("checkbox", "permission", name, told.title || name,
        { checked: row?.permissions[name] === true, disabled: !holds(name) }, told.description)));
    function draw() {
        boxes.hidden = !custom.querySelector("input").checked;
    }
    draw();
    return [group("role", "Access", ...offered, custom), boxes];
}

function accessOf(data) {
    const role = data.get("access");
    if (role) return { role };
    return { permissions: Object.fromEntries(data.getAll("permission").map(name => [name, true])) };
}

function expiryField(row) {
    const kept = row ? [["keep", row.expires ? `As it is: ${day(row.expires)}` : "As it is: never"]] : [];
    const date = h("input", { type: "date", name: "date", "aria-label": "Expiry date", hidden: true, min: new Date().toISOString().slice(0, 10), max: "9999-12-31" });
    const select = h("select", { name: "expires", onchange: () => { date.hidden = select.value !== "date"; if (!date.hidden) date.focus(); } },
        ...[...kept, ...EXPIRIES].map(([value, text]) => h("option", { value }, text)));
    const whole = field("expires", "Expires", select);
    date.setAttribute("aria-describedby", select.getAttribute("aria-describedby"));
    select.after(date);
    return whole;
}

function expiryOf(data) {
    const chosen = data.get("expires");
    if (chosen === "keep") return {};
    if (chosen === "date") return { expires: data.get("date") ? new Date(`${data.get("date")}T23:59:59`).toISOString() : "" };
    return { expires: chosen || null };
}

/** The value: generated, unless somebody wants one of their own; told how strong it is while typed. */
function secretField(hint, ifEmpty) {
    const input = h("input", { name: "token", hidden: true, autocomplete: "off", spellcheck: "false", maxlength: 512, oninput: draw });
    const meter = h("meter", { min: 0, max: GOOD, low: 60, high: 90, optimum: GOOD, "aria-label": "Strength", hidden: true });
    const told = h("p", { class: "hint", role: "status" }, hint);
    const button = h("button", { type: "button", class: "quiet", "aria-label": "Edit token value", onclick: open }, "Edit");
    function open() {
        [button.hidden, input.hidden, meter.hidden] = [true, false, false];
        input.focus();
        draw();
    }
    function draw() {
        const [bits, words] = input.value ? strength(input.value) : [0, `At least ${SHORTEST} visible characters, hard to guess. ${ifEmpty}`];
        [meter.value, told.textContent] = [bits, words];
    }
    const whole = field("token", "Token value", input);
    whole.classList.add("value");
    input.after(meter, told, button);
    return whole;
}

function secretOf(data) {
    return data.get("token") ? { token: data.get("token") } : {};
}

/** About how many bits somebody would have to guess, and what to say about it. */
function strength(value) {
    if (/[^!-~]/.test(value)) return [0, "Only visible ASCII characters, without spaces."];
    if (value.length < SHORTEST) return [value.length, `Too short: ${value.length} of at least ${SHORTEST} characters.`];
    const distinct = new Set(value).size;
    if (distinct < DISTINCT) return [20, `Too few different characters: ${distinct} of at least ${DISTINCT}.`];
    const size = [[/[a-z]/, 26], [/[A-Z]/, 26], [/[0-9]/, 10], [/[^a-zA-Z0-9]/, 33]].reduce((sum, [kind, count]) => sum + (kind.test(value) ? count : 0), 0);
    const bits = Math.min(value.length * Math.log2(size), distinct * 8);
    return [Math.min(GOOD, bits), bits < 80 ? "Weak: longer or more varied would be better." : bits < GOOD ? "Fair." : "Strong, if it is random."];
}
