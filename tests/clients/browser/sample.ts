// Owns a program that uses all there is to the client as it is meant to be used; it is only compiled.

import Api, { type ApiTokensReadOptions, type Change, type Failure, type Token } from "./api.js";

const api = new Api(new URL("https://tokens.example.com/api/"), { token: "apt_", persistent: true });
const other = new Api("wss://tokens.example.com/api/");

// Results are told apart by `ok`.
const created = await api.call("/v1/api-tokens/create", "ci", { role: "read-only", expires: "30d" });
if (created.ok) {
    const secret: string = created.data.token;
    const role: string | null = created.data.role;
    const granted: boolean | undefined = created.data.permissions["read"];
    console.log(secret, role, granted);
} else {
    const errors: string[] = created.meta.errors ?? [];
    const paths = created.meta.faults?.map(({ path }) => path);
    const failure: Failure = created;
    console.log(created.status === 409, created.statusText, errors, paths, failure);
}

// What may be left out may be null too, and names need no version.
await api.call("api-tokens/create", "ci", null);
await api.call("api-tokens/create", "ci", { role: null, metadata: { team: "web", size: 3 } });
await api.call("users/set-password", "id", null);

// A list, its page, and one row of it.
const options: ApiTokensReadOptions = { limit: 50, count: true };
const list = await api.call("api-tokens/read", {
    ...options,
    where: { name: ["like", "c"], role: ["in", ["clerk"]], enabled: true, created: [">", "2027-01-31"] },
    order_by: [["created", "desc"], ["role"], "name"],
});
if (list.ok) {
    const rows: Token[] = list.data;
    const next: string | null = list.meta.next_cursor;
    console.log(rows, next, list.meta.total_rows ?? list.meta.rows);
}
const everything = await api.call("/v1/api-tokens/read");
if (everything.ok) everything.data.map(({ name }) => name);
const one = await api.call("api-tokens/read", { id: "id" });
if (one.ok) one.data.created_by.user_name.toLowerCase();

// Calls as objects.
const signedIn = await api.call({
    method: "session/sign-in",
    args: ["root", "password"],
    http: true,
    signal: AbortSignal.timeout(1000),
});
if (signedIn.ok) other.token = signedIn.data.token;
const rows = await api.call({ method: "users/read" });
if (rows.ok) rows.data.filter(({ root }) => root);
const row = await api.call({ method: "users/read", args: [{ id: "id" }] });
if (row.ok) row.data.name.toLowerCase();
const nothing: undefined = await api.call({ method: "session/sign-out", void: true });
api.voidCall("api-tokens/delete", "id");

// Events.
const note = ({ id, action }: Change) => console.log(id, action === "rotate");
api.on("api-tokens/change", note).off("api-tokens/change", note).once("api-tokens/change", note);
api.on("disconnect", ({ statusText }) => console.log(statusText)).on("connect", () => {});
api.on("sessionDisable", () => {}).on("sessionDelete", () => {});

api.token = null;
api.close();
console.log(api.isConnected, api.isPersistent, other.token?.length, nothing);
