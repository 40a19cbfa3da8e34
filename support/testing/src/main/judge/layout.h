// SPDX-License-Identifier: Apache-2.0
/*
 * The mappings of a range as the kernel shows them, in one answer: the lines of smaps, the first byte of each page, and
 * what is in memory. Included by judge.c.
 */
enum { AREAS = 2048, PAGES = 8192, WITH_CONTENTS = 1, WITH_MINCORE = 2, WITH_AMOUNTS = 4 };

static struct { u64 start, end, accessible; } areas[AREAS];
static u8 residents[PAGES];
static const char *const amounts[] = {
    "Rss:", "Pss:", "Shared_Clean:", "Shared_Dirty:", "Private_Clean:", "Private_Dirty:", "Anonymous:", "Locked:"};

/* Returns what follows a word at the start of a line, or 0. */
static const u8 *after(const u8 *line, const char *word) {
    while (*word) if (*line++ != (u8)*word++) return 0;
    return line;
}

/* Copies a line, with one blank for several, and none at its end. */
static void put_line(struct text *text, const u8 *line) {
    while (*line == ' ') line++;
    for (; *line; line++) if (*line != ' ' || (line[1] != ' ' && line[1] != 0)) put(text, *line);
}

struct listing { u64 start, end, what, from, to; u32 count; int ends, listed; };

/* Takes one line of smaps: that of a mapping, its flags, or an amount. */
static void list(struct text *answer, struct listing *listing, const u8 *line) {
    const u8 *at = line, *rest;
    if (digit(line[0]) >= 0) {
        u64 start = number(&at);
        at++;
        u64 end = number(&at);
        listing->ends = start >= listing->end;
        listing->listed = end > listing->start && !listing->ends && listing->count < AREAS;
        if (!listing->listed) return;
        areas[listing->count].start = start;
        areas[listing->count].end = end;
        areas[listing->count++].accessible = at[1] == 'r' || at[2] == 'w' || at[3] == 'x';
        put_line(answer, line);
        put(answer, '\t');
    } else if (listing->listed) {
        if ((rest = after(line, "VmFlags:"))) {
            put_line(answer, rest);
            put(answer, '|');
        }
        for (u64 i = 0; (listing->what & WITH_AMOUNTS) && i < sizeof amounts / sizeof *amounts; i++) {
            if (!(rest = after(line, amounts[i]))) continue;
            while (*rest == ' ') rest++;
            while (digit(*rest) >= 0) put(answer, *rest++);
            put(answer, i + 1 < sizeof amounts / sizeof *amounts ? ',' : '\t');
        }
    }
}

/* Puts a run of pages that have the same value. */
static void put_run(struct text *answer, u64 address, u64 pages, u64 value) {
    if (pages == 0) return;
    put_hex(answer, address, 1);
    put(answer, '+');
    put_hex(answer, pages, 1);
    put(answer, '=');
    if (value < 256) put_hex(answer, value, 2);
    else put_text(answer, value == 256 ? "BUS" : value == 257 ? "MAP" : "ACC");
    put(answer, ' ');
}

static u64 first_byte(u64 address) {
    struct probe probe = load(1, address);
    return probe.signal == 0 ? probe.value : probe.signal == SIGNAL_BUS ? 256 : 256 + probe.code;
}

/* Puts the runs of all areas that lie in the range. */
static void put_runs(struct text *answer, const struct listing *listing, int is_mincore) {
    u64 begin = 0, pages = 0, value = 0;
    for (u32 i = 0; i < listing->count; i++) {
        u64 start = areas[i].start < listing->from ? listing->from : areas[i].start;
        u64 end = areas[i].end > listing->to ? listing->to : areas[i].end;
        if (start >= end) continue;
        if (is_mincore) call3(MINCORE, start, end - start, (u64)residents);
        else if (!areas[i].accessible) continue;
        for (u64 at = start; at < end; at += PAGE) {
            u64 now = is_mincore ? residents[(at - start) / PAGE] & 1 : first_byte(at);
            if (pages > 0 && at == begin + pages * PAGE && now == value) {
                pages++;
                continue;
            }
            put_run(answer, begin, pages, value);
            begin = at;
            pages = 1;
            value = now;
        }
    }
    put_run(answer, begin, pages, value);
}

/* Lists the mappings of a range; then what is in memory and the contents of a part of at most PAGES pages. */
static void layout(struct text *answer, u64 start, u64 end, u64 what, u64 from_address, u64 to) {
    struct listing listing = {start, end, what, from_address, to, 0, 0, 0};
    u64 held = 0, line = 0;
    s64 from = call4(OPEN_AT, (u64)-100, (u64) "/proc/self/smaps", 02000000, 0), got = 1;
    while (!listing.ends && got > 0) {
        got = call3(READ, (u64)from, (u64)(file_text + held), TEXT - held);
        if (got <= 0) break;
        u64 limit = held + (u64)got;
        for (u64 i = held; i < limit && !listing.ends; i++) {
            if (file_text[i] != '\n') continue;
            file_text[i] = 0;
            list(answer, &listing, file_text + line);
            line = i + 1;
        }
        held = limit - line;
        for (u64 i = 0; i < held; i++) file_text[i] = file_text[line + i];
        line = 0;
    }
    call1(CLOSE, (u64)from);
    /* No answer but a file begins with #: a judge that passes it on would wait for as many bytes. */
    put(answer, ';');
    if (what & WITH_MINCORE) put_runs(answer, &listing, 1);
    put(answer, ';');
    if (what & WITH_CONTENTS) put_runs(answer, &listing, 0);
}
