// The types of api.js, and of all methods and events of the service, made from its schemas.

/** The answer of a call that went well. */
export interface Success<Data, Meta = Record<string, unknown>> {
    ok: true;
    error: false;
    status: number;
    statusText: string;
    isException: false;
    data: Data;
    /** What is told besides. */
    meta: Meta;
}

/**
 * A refusal, whose code is `status`; or 0: there was no answer, and nobody knows whether the call has
 * run.
 */
export interface Failure {
    ok: false;
    error: true;
    status: number;
    statusText: string;
    isException: boolean;
    data: undefined;
    /** What is wrong with the arguments, where that is why. */
    meta: { errors?: string[]; faults?: Fault[] };
}

/** Something that is wrong with the arguments; `path` is a JSON pointer into their list. */
export interface Fault {
    path: string;
    message: string;
}

export type Result<Data, Meta = Record<string, unknown>> = Success<Data, Meta> | Failure;

/** Where a list stands in the whole. */
export interface Page {
    rows: number;
    next_page: boolean;
    /** What to ask for the next page with, as `after`. */
    next_cursor: string | null;
    /** Told when asked for by `count`. */
    total_rows?: number;
}

/** A method: its arguments, what it answers, and what is told besides. */
export interface Method<Args extends unknown[], Data, Meta = Record<string, unknown>> {
    args: Args;
    data: Data;
    meta: Meta;
}

/** Options of a method that lists, which ask for one row. */
export type One<Options> = Options & { id: string };

/** What events tell; the first two are of the connection itself. */
export interface Events {
    connect: [];
    disconnect: [failure: Failure];
}

/** The names of methods, with "/v1/" and without. */
export type Named<Table> = keyof Table | Short<keyof Table>;
export type Short<Name> = Name extends `/v1/${infer Rest}` ? Rest : never;
/** The method with that name. */
export type Of<Table, Name> = Extract<
    Table[Extract<keyof Table, Name | `/v1/${Name & string}`>],
    Method<any, unknown, unknown>
>;
export type Answer<Table, Name> = Promise<Result<Of<Table, Name>["data"], Of<Table, Name>["meta"]>>;

/** A call as an object. */
export type Call<Table, Name> = {
    method: Name;
    signal?: AbortSignal | undefined;
    /** No result is wanted. */
    void?: boolean | undefined;
    /** By HTTP, even if there is a WebSocket: signing in sets a cookie by HTTP only. */
    http?: boolean | undefined;
} & ([] extends Of<Table, Name>["args"]
    ? { args?: Of<Table, Name>["args"] }
    : { args: Of<Table, Name>["args"] });

/**
 * Calls the methods of the service. A call that is refused or gets no answer throws nothing.
 *
 *     const api = new Api("https://tokens.example.com/api/", { token });
 *     const res = await api.call("/v1/api-tokens/create", "ci");
 */
export default class Api {
    /**
     * @param url where the service is; in a page of its own also "/api/".
     * @param options `persistent`: keep a WebSocket open, which events need; a URL of ws: or wss: says
     *     so too. Without a `token` it is whoever has signed in who calls.
     * @throws TypeError if it is no URL, or no WebSocket can carry the token.
     */
    constructor(
        url: string | URL,
        options?: { token?: string | null | undefined; persistent?: boolean | undefined },
    );

    readonly isPersistent: boolean;
    /** Whether the WebSocket is open just now. */
    get isConnected(): boolean;
    get token(): string | null;
    /**
     * Call with another token from now on, or (null) as whoever has signed in. A WebSocket is opened
     * anew, and calls it waits for come to nothing.
     */
    set token(token: string | null | undefined);

    /** Call a method. */
    call<Name extends Named<Methods>>(
        call: Call<Methods, Name> & { void: true },
    ): Promise<undefined>;
    call<Name extends Named<Rows>>(
        call: Call<Rows, Name> & { void?: false | undefined },
    ): Answer<Rows, Name>;
    call<Name extends Named<Methods>>(
        call: Call<Methods, Name> & { void?: false | undefined },
    ): Answer<Methods, Name>;
    call<Name extends Named<Rows>>(
        method: Name,
        ...args: Of<Rows, Name>["args"]
    ): Answer<Rows, Name>;
    // The last one, since compilers tell what is wrong with a call as if only this were meant.
    call<Name extends Named<Methods>>(
        method: Name,
        ...args: Of<Methods, Name>["args"]
    ): Answer<Methods, Name>;

    /** Call a method whose result is not wanted. */
    voidCall<Name extends Named<Methods>>(method: Name, ...args: Of<Methods, Name>["args"]): void;

    on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this;
    once<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this;
    off<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this;

    /** Close the WebSocket for good. */
    close(): void;
}
