// Owns the page as a whole: signing in, where one is, what is said above everything.

import { askBy, call, holds, isPassing, listen, recognized, signedIn, signedOut, state, words } from "./client.js";
import { fill, h, say, show } from "./dom.js";
import { audit } from "./audit.js";
import { field } from "./form.js";
import { away as written } from "./format.js";
import { service } from "./service.js";
import { tokens } from "./tokens.js";
import { users } from "./users.js";

const VIEWS = {
    tokens: { title: "Tokens", open: tokens },
    users: { title: "Users", open: users, permission: "admin" },
    audit: { title: "Audit", open: audit },
    service: { title: "Service", open: service, permission: "admin" },
};
const main = document.querySelector("#main"), top = document.querySelector("#top"), banner = document.querySelector("#banner");
const connection = h("span", { class: "connection", role: "status" });
const problem = h("p", { class: "problem notice", role: "alert", hidden: true });
const FRESH = 30_000; // milliseconds for which "just now" may stand
let view = null, stop = () => {};

main.before(problem);
askBy(signInAgain);
setInterval(() => { for (const each of main.querySelectorAll("time[title]")) each.textContent = written(each.dateTime); }, FRESH);
document.querySelector(".skip").addEventListener("click", event => {
    event.preventDefault(); // the address tells which view it is
    main.focus();
});
addEventListener("hashchange", go);
document.addEventListener("settings", warn);
document.addEventListener("keydown", event => {
    if (event.key !== "/" || event.target.closest("input, select, dialog")) return;
    event.preventDefault();
    main.querySelector("input[type=search]")?.focus();
});
boot();

async function boot() {
    const who = await recognized();
    if (who.ok) return begin(true);
    if (isPassing(who)) return away(who);
    return welcome();
}

/** Nobody is there: offer to try again. */
function away(res) {
    main.replaceChildren(h("div", { class: "welcome" }, h("h1", {}, "API tokens"), h("p", { class: "problem", role: "alert" }, words(res)),
        h("button", { type: "button", class: "primary", onclick: boot }, "Try again")));
}

function welcome() {
    stop();
    [top.hidden, banner.hidden, problem.hidden] = [true, true, true];
    document.title = "Sign in – API tokens";
    main.replaceChildren(h("div", { class: "welcome" }, h("img", { src: "/console/icon.svg", alt: "", width: 48, height: 48 }), h("h1", {}, "API tokens"), signInForm(() => begin(true))));
    main.querySelector("input").focus();
}

/** A session has ended in the middle of something, which goes on for whoever signs in. */
function signInAgain() {
    const before = state.user?.id;
    return show("Sign in again", close => h("div", {}, h("p", {}, "Your session has ended. What you were doing is still here."),
        signInForm(() => { close(true); begin(state.user.id !== before); })), { isHeld: true });
}

function signInForm(done) {
    const name = h("input", { name: "name", autocomplete: "username", required: true, value: state.user?.name ?? "" });
    const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const button = h("button", { class: "primary wide" }, "Sign in");
    return h("form", { class: "sign-in", "aria-label": "Sign in", onsubmit: async event => {
        event.preventDefault();
        button.disabled = true;
        const res = await signedIn(name.value, password.value);
        button.disabled = false;
        if (res.ok) return done();
        problem.textContent = words(res).replace(/^Authorization is required: t/, "T");
        problem.hidden = false;
        return password.select();
    } }, field("name", "Name", name), field("password", "Password", password), problem, button);
}

/** Somebody has signed in: show them around, and hear of what happens elsewhere. */
function begin(anew = false) {
    stop();
    stop = listen({
        changed: (id, action) => view?.changed(id, action),
        missed: look,
        live: isLive => {
            connection.textContent = isLive ? "Live" : "Not live";
            connection.title = isLive ? "Changes of your tokens appear at once, all others within a minute" : "Changes appear every ten seconds";
            connection.dataset.live = isLive;
        },
    });
    drawTop();
    warn();
    if (anew) go();
}

/** Look what is so now; somebody else may have signed in in another tab, or may do other things. */
async function look() {
    const before = mayDo();
    await recognized();
    if (!state.user) return undefined;
    warn();
    if (mayDo() === before) return view?.missed();
    drawTop();
    return go();
}

const mayDo = () => JSON.stringify([state.user?.id, state.permissions]);

function drawTop() {
    const links = Object.entries(VIEWS).filter(([, { permission }]) => !permission || holds(permission));
    top.hidden = false;
    fill(top, h("a", { class: "brand", href: "#tokens" }, h("img", { src: "/console/icon.svg", alt: "", width: 24, height: 24 }), "API tokens"),
        h("nav", { "aria-label": "Main" }, ...links.map(([name, { title }]) => h("a", { href: `#${name}` }, title))),
        connection, h("span", { class: "who" }, h("bdi", {}, state.user.name)), h("button", { type: "button", class: "quiet", onclick: leave }, "Sign out"));
    mark();
}

async function leave() {
    const res = await signedOut();
    if (isPassing(res)) return tell(res);
    view?.leave();
    view = null;
    welcome();
    say("Signed out");
}

function tell(res) {
    problem.hidden = res.ok;
    problem.textContent = res.ok ? "" : words(res);
}

const place = () => {
    const name = location.hash.slice(1);
    return Object.hasOwn(VIEWS, name) && (!VIEWS[name].permission || holds(VIEWS[name].permission)) ? name : "tokens";
};

function go() {
    if (!state.user) return;
    problem.hidden = true;
    view?.leave();
    const { title, open } = VIEWS[place()];
    document.title = `${title} – API tokens`;
    view = open(main);
    mark();
}

function mark() {
    for (const link of top.querySelectorAll("nav a")) {
        if (link.hash === `#${place()}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
}

/** Say above everything that no token is taken, while that is so. */
function warn() {
    const isOff = state.settings !== null && !state.settings.api_enabled;
    banner.hidden = !isOff;
    fill(banner, h("strong", {}, "The API is switched off."), " Every API token is refused. ",
        holds("admin") ? h("button", { type: "button", onclick: on }, "Switch it on") : "");
}

async function on() {
    const res = await call("settings/set-api-enabled", true);
    tell(res);
    if (res.ok) await look();
}
