// Owns what tokens are looked for: the controls, the address that can be shared, the read options.

import { holds, state } from "./client.js";
import { h } from "./dom.js";

const MOST = { name: 255, token: 512 }; // characters
const NAMES = ["name", "token", "role", "enabled", "expired", "owner"];
const DEBOUNCE = 200; // milliseconds
const CUSTOM = "-"; // in place of a role, whose name it cannot be

export class Filters {
    #given = new URLSearchParams(location.search);
    #timer;

    /** `changed` is called when there is something else to look for. */
    constructor(changed) {
        const roles = Object.entries(state.settings.roles).map(([name, { title }]) => [name, title]);
        const yesNo = (yes, no) => [["", "Any"], ["yes", yes], ["no", no]];
        this.changed = changed;
        this.element = h("form", { class: "filters", role: "search", "aria-label": "Find tokens", onsubmit: event => event.preventDefault() },
            this.#typed("name", "Name", "Part of it"),
            this.#typed("token", "Token", "Value, or a part shown"),
            this.#picked("role", "Access", [["", "Any"], ...roles, [CUSTOM, "Custom"]]),
            this.#picked("enabled", "Status", yesNo("Enabled", "Disabled")),
            this.#picked("expired", "Expiry", yesNo("Expired", "Not expired")),
            holds("admin") ? this.#picked("owner", "Whose", [["", "Mine"], ["all", "Everybody's"]]) : null,
            h("button", { type: "button", class: "quiet", onclick: () => this.#clear() }, "Clear"));
    }

    get isEmpty() { return !NAMES.some(name => this.#given.get(name)); }

    /** Whether other people's tokens are among those looked for. */
    get isWide() { return holds("admin") && Boolean(this.#given.get("owner")); }

    get options() {
        const given = name => this.#given.get(name);
        const where = {};
        if (given("name")) where.name = ["like", given("name").replace(/[\\%_]/g, "\\$&")];
        if (given("token")) where.token = given("token");
        if (given("role")) where.role = ["=", given("role") === CUSTOM ? null : given("role")];
        for (const name of ["enabled", "expired"]) if (given(name)) where[name] = given(name) === "yes";
        return { where, ...this.isWide ? { owner: "all" } : {} };
    }

    leave() { clearTimeout(this.#timer); }

    #typed(name, label, hint) {
        const input = h("input", { type: "search", name, placeholder: hint, autocomplete: "off", spellcheck: "false", maxlength: MOST[name], value: this.#given.get(name) ?? "", oninput: () => {
            this.#set(name, input.value.trim());
            clearTimeout(this.#timer);
            this.#timer = setTimeout(() => this.changed(), DEBOUNCE);
        } });
        return h("label", {}, h("span", {}, label), input);
    }

    #picked(name, label, options) {
        if (!options.some(([value]) => value === this.#given.get(name))) this.#given.delete(name);
        const select = h("select", { name, onchange: () => { this.#set(name, select.value); this.changed(); } },
            ...options.map(([value, text]) => h("option", { value, selected: (this.#given.get(name) ?? "") === value }, text)));
        return h("label", {}, h("span", {}, label), select);
    }

    /** Keep it where it can be shared; a token is a secret, and belongs into no address. */
    #set(name, value) {
        if (value) this.#given.set(name, value); else this.#given.delete(name);
        const shared = new URLSearchParams([...this.#given].filter(([key]) => NAMES.includes(key) && key !== "token"));
        history.replaceState(null, "", `${location.pathname}${shared.size ? `?${shared}` : ""}${location.hash}`);
    }

    #clear() {
        for (const name of NAMES) this.#set(name, "");
        for (const control of this.element.querySelectorAll("input, select")) control.value = "";
        this.changed();
    }
}
