// SPDX-License-Identifier: Apache-2.0
/*
 * The judge: makes the system calls, loads and stores that it is told to make, and prints what the kernel answered.
 *
 * A request is a line, and so is its answer. Numbers are hexadecimal; $ is that of the process, %K that of its child
 * or thread K, and =K one that was kept. Results of calls are decimal.
 *
 *   c NUMBER [A B C D E F]   a system call                 result, an error as a negative number
 *   u TRIES NUMBER [A ...]   a system call, which is made  its last result
 *                            again each ms while it is 0
 *   n K                      keeps the last result of c    ok; for all processes since the last E
 *                            or C as number K
 *   C IS3 FLAGS PIDFD PARENT clone or clone3 of a child    its result
 *     CHILD NUMBER [A ...]   that makes one system call,
 *                            and ends with its result
 *   l WIDTH ADDRESS          a load of 1, 2, 4 or 8 bytes  value, or !SIGNAL,CODE,ADDRESS
 *   s WIDTH ADDRESS VALUE    a store                       ok, or !SIGNAL,CODE,ADDRESS
 *   t ADDRESS PAGES          the first byte of each page   two digits a page; .M no mapping, .A no right, .B beyond
 *   v START END WHAT FROM TO mappings of a range           lines of smaps, each with its flags and |; see layout.h
 *   d ADDRESS LENGTH         bytes of memory               two digits a byte, until the first fault: !...
 *   p ADDRESS BYTES          bytes into memory             ok, or the first fault
 *   H ADDRESS LENGTH         a hash of each 4,096 bytes    16 digits each, with blanks; .M .A .B as above
 *   f PATH                   a file, as it is read now     #LENGTH, and after the line that many bytes; or an error
 *   h SIGNAL FLAGS MASK      notes this signal from now    result
 *   g                        the signals noted             SIGNAL,CODE,ADDRESS ... and forgets them
 *   F                        makes a child                 K PID: its number and process
 *   T                        makes a thread                K TID
 *   @K LINE                  the child or thread K does it its answer, or gone STATUS
 *   >K LINE                  the same, without waiting     ok
 *   <K                       waits for that                the answer
 *   k K                      kills child K                 its status
 *   E                        makes a child that answers    PID; when it has ended, ended STATUS
 *                            instead of this process
 *   e                        after that: this process      ok; what was sent in between is not answered
 *                            answers again
 *   m ADDRESS LENGTH SEED    fills memory                  ok, or !SIGNAL,CODE,ADDRESS
 *   y ADDRESS LENGTH         a hash of memory              the hash, or !SIGNAL,CODE,ADDRESS
 *   r VALUE                  SIGALRM while all registers   ok, or INDEX=VALUE of each that was changed
 *                            have a value
 *   x STATUS                 ends the process
 *
 * It uses no library. Its descriptors are 700 and above, so a script finds the low ones free. Children know none of
 * their parent's children. Signals that are faults of a load or a store of a script are its answer; other faults of
 * the judge itself end it with status 99.
 */
#include "machine.h"

enum {
    PAGE = 4096, LINE = 1 << 16, SCRATCH = 1 << 16, TEXT = 1 << 20, STACK = 1 << 14, THREADS = 16, CHILDREN = 40,
    NOTES = 256, KEPT = 8, SPAWNED = 4, SPAWNED_STACK = 4096, WITH_PIDFD = 0x1000, NOBODY = 0x3fffffff, COMMANDS = 1000, ANSWERS = 1001, TO_CHILD = 900, FROM_THREAD = 700,
    SIGNAL_BUS = 7, SIGNAL_KILL = 9, SIGNAL_SEGV = 11, SIGNAL_ALARM = 14, SIGNAL_CHILD = 17
};
#define SA_SIGINFO 4UL
#define SA_RESTORER 0x04000000UL
#define SA_ONSTACK 0x08000000UL
#define SA_NODEFER 0x40000000UL
#define THREAD_FLAGS 0x50f00UL /* VM, FS, FILES, SIGHAND, THREAD, SYSVSEM */
#define NO_RANDOMIZE 0x40000UL

struct action {
    u64 handler, flags;
#if HAS_RESTORER
    u64 restorer;
#endif
    u64 mask;
};
struct alternate { u64 start; u64 flags; u64 size; };
struct text { u8 *bytes; u64 length, capacity; };
struct channel { int in, out; u8 *line; u64 capacity, held, start, consumed; struct text answer; };
struct note { u64 signal, code, address; };

static u8 scratch[SCRATCH] __attribute__((aligned(4096)));
static u8 main_line[LINE], main_answer[4 * LINE], file_text[TEXT], relayed[4 * LINE];
static u8 signal_stacks[THREADS + 1][STACK] __attribute__((aligned(16)));
static u8 thread_stacks[THREADS][STACK] __attribute__((aligned(16)));
static u8 thread_lines[THREADS][LINE / 8], thread_answers[THREADS][LINE];
static struct channel threads[THREADS];
static u32 thread_count;
static u32 children[CHILDREN]; /* process of each child, 1 for a thread, 0 if there is none */
static u32 ids[CHILDREN]; /* process or thread of each of them, also when it has ended */
static struct note notes[NOTES];
static u32 note_count;
static s64 last; /* the last result */
static s64 *kept; /* KEPT results, in memory that children share; none before the first 'E' */
static u8 spawned_stacks[SPAWNED][SPAWNED_STACK] __attribute__((aligned(16)));
static u32 spawned;
static int skips; /* whether requests are left out, up to an 'e' */

#if HAS_RESTORER
void return_from_signal(void);
#endif

static s64 call0(u64 n) { return call6(n, 0, 0, 0, 0, 0, 0); }
static s64 call1(u64 n, u64 a) { return call6(n, a, 0, 0, 0, 0, 0); }
static s64 call2(u64 n, u64 a, u64 b) { return call6(n, a, b, 0, 0, 0, 0); }
static s64 call3(u64 n, u64 a, u64 b, u64 c) { return call6(n, a, b, c, 0, 0, 0); }
static s64 call4(u64 n, u64 a, u64 b, u64 c, u64 d) { return call6(n, a, b, c, d, 0, 0); }

/* The compiler may ask for these two. */
void *memset(void *to, int value, u64 length) {
    for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = (u8)value;
    return to;
}

void *memcpy(void *to, const void *from, u64 length) {
    for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
    return to;
}

static __attribute__((noreturn)) void end(u64 status) {
    for (;;) call1(EXIT_GROUP, status);
}

/* Text */

static void put(struct text *text, u8 byte) {
    if (text->length < text->capacity) text->bytes[text->length++] = byte;
}

static void put_text(struct text *text, const char *from) {
    while (*from) put(text, (u8)*from++);
}

static void put_hex(struct text *text, u64 value, int digits) {
    int shift = value < 0x100 ? 4 : 60;
    while (shift > 4 * (digits - 1) && (value >> shift) == 0) shift -= 4;
    for (; shift >= 0; shift -= 4) put(text, (u8) "0123456789abcdef"[(value >> shift) & 15]);
}

static void put_decimal(struct text *text, s64 value) {
    u8 digits[20];
    int count = 0;
    u64 rest = value < 0 ? -(u64)value : (u64)value;
    if (value < 0) put(text, '-');
    do digits[count++] = (u8)('0' + rest % 10); while ((rest /= 10) != 0);
    while (count > 0) put(text, digits[--count]);
}

static void put_fault(struct text *text, u64 signal, u64 code, u64 address) {
    put_hex(text, signal, 1);
    put(text, ',');
    put_hex(text, code & 0xffffffff, 1);
    put(text, ',');
    put_hex(text, address, 1);
}

static int digit(u8 byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    return -1;
}

/* Reads a number and the blanks before it; 0 if there is none. */
static u64 number(const u8 **at) {
    u64 value = 0;
    int sign = 0;
    while (**at == ' ') ++*at;
    if (**at == '-') sign = 1, ++*at;
    if (**at == '$') ++*at, value = (u64)call0(GETPID);
    if (**at == '%') {
        ++*at;
        u64 child = number(at);
        value = child < CHILDREN && ids[child] != 0 ? ids[child] : NOBODY;
        return sign ? -value : value;
    }
    if (**at == '=') {
        ++*at;
        u64 index = number(at);
        value = kept != 0 && index < KEPT ? (u64)kept[index] : (u64)-1;
        return sign ? -value : value;
    }
    for (; digit(**at) >= 0; ++*at) value = (value << 4) | (u64)digit(**at);
    return sign ? -value : value;
}

/* Descriptors */

static int write_all(int to, const u8 *bytes, u64 length) {
    while (length > 0) {
        s64 done = call3(WRITE, (u64)to, (u64)bytes, length);
        if (done == -4) continue; /* EINTR */
        if (done <= 0) return 0;
        bytes += done;
        length -= (u64)done;
    }
    return 1;
}

static int read_all(int from, u8 *bytes, u64 length) {
    while (length > 0) {
        s64 done = call3(READ, (u64)from, (u64)bytes, length);
        if (done == -4) continue;
        if (done <= 0) return 0;
        bytes += done;
        length -= (u64)done;
    }
    return 1;
}

/* Reads a line, and what follows it if it is a file's. Returns its length, or -1, and how much was read. */
static s64 read_line(int from, u8 *line, u64 capacity, u64 *held) {
    u64 scanned = 0;
    *held = 0;
    for (;;) {
        if (*held == capacity) return -1;
        s64 got = call3(READ, (u64)from, (u64)(line + *held), capacity - *held);
        if (got == -4) continue; /* EINTR */
        if (got <= 0) return -1;
        *held += (u64)got;
        for (; scanned < *held; scanned++) if (line[scanned] == '\n') return (s64)scanned;
    }
}

/* Takes the next line out of what a channel has; the line ends with 0. */
static int next_line(struct channel *channel) {
    u64 start = channel->consumed, scanned = start;
    for (;;) {
        for (; scanned < channel->held; scanned++) {
            if (channel->line[scanned] == '\n') {
                channel->line[scanned] = 0;
                channel->start = start;
                channel->consumed = scanned + 1;
                return 1;
            }
        }
        /* Only what is left at the end moves to the front, not all lines for each one. */
        for (u64 i = start; start > 0 && i < channel->held; i++) channel->line[i - start] = channel->line[i];
        channel->held -= start;
        scanned -= start;
        start = channel->consumed = 0;
        if (channel->held == channel->capacity) return 0;
        s64 got = call3(READ, (u64)channel->in, (u64)(channel->line + channel->held), channel->capacity - channel->held);
        if (got == -4) continue;
        if (got <= 0) return 0;
        channel->held += (u64)got;
    }
}

/* Signals */

static void on_signal(int signal, void *info, void *context) {
    u64 code = ((u32 *)info)[2], address = ((u64 *)info)[2];
    u64 pc = FRAME_PC(context);
    if ((signal == SIGNAL_SEGV || signal == SIGNAL_BUS) && (s64)(int)code > 0) {
        if (pc < (u64)probe_begin || pc >= (u64)probe_end) end(99);
        struct probe *probe = (struct probe *)FRAME_PROBE(context);
        probe->signal = (u64)signal;
        probe->code = code;
        probe->address = address;
        FRAME_PC(context) = (u64)probe_done;
        return;
    }
    if (pc == (u64)spin_begin) FRAME_PC(context) = (u64)spin_done;
    u32 index = __atomic_fetch_add(&note_count, 1, __ATOMIC_SEQ_CST);
    if (index < NOTES) notes[index] = (struct note){(u64)signal, code, address};
}

static s64 note_signal(u64 signal, u64 flags, u64 mask) {
    struct action action = {0};
    action.handler = (u64)on_signal;
    action.flags = flags | SA_SIGINFO;
    action.mask = mask;
#if HAS_RESTORER
    action.flags |= SA_RESTORER;
    action.restorer = (u64)return_from_signal;
#endif
    return call4(RT_SIGACTION, signal, (u64)&action, 0, 8);
}

static void use_signal_stack(u32 index) {
    struct alternate stack = {(u64)signal_stacks[index], 0, STACK};
    call2(SIGALTSTACK, (u64)&stack, 0);
}

/* Loads and stores */

static struct probe load(u64 width, u64 address) {
    struct probe probe = {0};
    switch (width) {
        case 1: load1(address, &probe); break;
        case 2: load2(address, &probe); break;
        case 4: load4(address, &probe); break;
        default: load8(address, &probe); break;
    }
    return probe;
}

static struct probe store(u64 width, u64 address, u64 value) {
    struct probe probe = {0};
    switch (width) {
        case 1: store1(address, &probe, value); break;
        case 2: store2(address, &probe, value); break;
        case 4: store4(address, &probe, value); break;
        default: store8(address, &probe, value); break;
    }
    return probe;
}

static int put_if_fault(struct text *answer, const struct probe *probe) {
    if (probe->signal == 0) return 0;
    put(answer, '!');
    put_fault(answer, probe->signal, probe->code, probe->address);
    return 1;
}

static void contents(struct text *answer, u64 address, u64 pages) {
    for (u64 i = 0; i < pages; i++) {
        struct probe probe = load(1, address + i * PAGE);
        if (probe.signal == 0) {
            put_hex(answer, probe.value, 2);
        } else {
            put(answer, '.');
            put(answer, probe.signal == SIGNAL_BUS ? 'B' : probe.code == 1 ? 'M' : 'A');
        }
    }
}

/* Mixes eight bytes at a time, and the bytes of a rest one at a time; Task.hash does the same. */
static void hashes(struct text *answer, u64 address, u64 length) {
    for (u64 done = 0; done < length;) {
        u64 end = done + PAGE < length ? done + PAGE : length, hash = 0xcbf29ce484222325UL;
        struct probe probe = {0};
        if (done > 0) put(answer, ' ');
        while (done < end && probe.signal == 0) {
            u64 width = end - done >= 8 ? 8 : 1;
            probe = load(width, address + done);
            hash = (hash ^ probe.value) * 0x9e3779b97f4a7c15UL;
            hash ^= hash >> 29;
            done += width;
        }
        done = end;
        if (probe.signal == 0) {
            put_hex(answer, hash, 16);
        } else {
            put(answer, '.');
            put(answer, probe.signal == SIGNAL_BUS ? 'B' : probe.code == 1 ? 'M' : 'A');
        }
    }
}

/* How many bytes from an address on are on its page, at most a length. */
static u64 on_page(u64 address, u64 length) {
    u64 left = PAGE - (address & (PAGE - 1));
    return left < length ? left : length;
}

/* Bytes are probed once a page: no other task changes mappings in between. */
static void dump(struct text *answer, u64 address, u64 length) {
    while (length > 0) {
        u64 part = on_page(address, length);
        struct probe probe = load(1, address);
        if (put_if_fault(answer, &probe)) return;
        for (u64 i = 0; i < part; i++) put_hex(answer, ((volatile u8 *)address)[i], 2);
        address += part;
        length -= part;
    }
}

static void poke(struct text *answer, u64 address, const u8 *at) {
    while (*at == ' ') at++;
    for (; digit(at[0]) >= 0 && digit(at[1]) >= 0; at += 2, address++) {
        struct probe probe = store(1, address, (u64)(digit(at[0]) * 16 + digit(at[1])));
        if (put_if_fault(answer, &probe)) return;
    }
    put_text(answer, "ok");
}

static void fill(struct text *answer, u64 address, u64 length, u64 seed) {
    for (u64 done = 0; done < length;) {
        u64 part = on_page(address + done, length - done);
        struct probe probe = store(1, address + done, 0);
        if (put_if_fault(answer, &probe)) return;
        for (u64 end = done + part; done < end; done++) {
            ((volatile u8 *)address)[done] = (u8)(seed + done * 7 + (done >> 8));
        }
    }
    put_text(answer, "ok");
}

static void hash(struct text *answer, u64 address, u64 length) {
    u64 found = 0xcbf29ce484222325UL;
    while (length > 0) {
        u64 part = on_page(address, length);
        struct probe probe = load(1, address);
        if (put_if_fault(answer, &probe)) return;
        for (u64 i = 0; i < part; i++) found = (found ^ ((volatile u8 *)address)[i]) * 0x100000001b3UL;
        address += part;
        length -= part;
    }
    put_hex(answer, found, 1);
}

/* Loads a value into all registers but the stack pointer, and compares them when a timer's signal has come. */
static void registers(struct text *answer, u64 value) {
    u64 found[REGISTERS], every_ms[4] = {0, 1000, 0, 1000}, never[4] = {0};
    struct action kept;
    call4(RT_SIGACTION, SIGNAL_ALARM, 0, (u64)&kept, 8);
    note_signal(SIGNAL_ALARM, SA_ONSTACK, 0);
    call3(SETITIMER, 0, (u64)every_ms, 0);
    spin_with(value, found);
    call3(SETITIMER, 0, (u64)never, 0);
    call4(RT_SIGACTION, SIGNAL_ALARM, (u64)&kept, 0, 8);
    note_count = 0;
    int changed = 0;
    for (u64 i = 0; i < REGISTERS; i++) {
        if (found[i] == value) continue;
        if (changed++ > 0) put(answer, ' ');
        put_hex(answer, i, 1);
        put(answer, '=');
        put_hex(answer, found[i], 1);
    }
    if (changed == 0) put_text(answer, "ok");
}

#include "layout.h"

/* Sends a file whole. Returns 0 if there is an error to send instead. */
static int file(struct channel *channel, const u8 *path) {
    u64 length = 0;
    s64 from = call4(OPEN_AT, (u64)-100, (u64)path, 02000000, 0), got;
    if (from < 0) {
        put_decimal(&channel->answer, from);
        return 0;
    }
    while ((got = call3(READ, (u64)from, (u64)(file_text + length), TEXT - length)) > 0) length += (u64)got;
    call1(CLOSE, (u64)from);
    put(&channel->answer, '#');
    put_hex(&channel->answer, length, 1);
    put(&channel->answer, '\n');
    write_all(channel->out, channel->answer.bytes, channel->answer.length);
    write_all(channel->out, file_text, length);
    return 1;
}

/* Children and threads */

static void serve(struct channel *channel);

/* Numbers are used again when all have been used, so that a script knows them before it is run. */
static u32 free_child(void) {
    u32 index = 0;
    while (index < CHILDREN && ids[index] != 0) index++;
    if (index < CHILDREN) return index;
    for (index = 0; index < CHILDREN && children[index] != 0;) index++;
    return index;
}

/* Makes two pipes: the parent's ends are TO_CHILD + 2 * index and the one after it, the others are returned. */
static int make_pipes(u32 index, int *in, int *out) {
    int down[2], up[2];
    if (call2(PIPE2, (u64)down, 02000000) < 0 || call2(PIPE2, (u64)up, 02000000) < 0) return 0;
    u64 first = TO_CHILD + 2 * index;
    /* A script may have lowered the limit of descriptors. */
    int failed = call3(DUP3, (u64)down[1], first, 02000000) < 0 || call3(DUP3, (u64)up[0], first + 1, 02000000) < 0;
    if (failed) {
        call1(CLOSE, (u64)down[0]);
        call1(CLOSE, (u64)up[1]);
    }
    call1(CLOSE, (u64)down[1]);
    call1(CLOSE, (u64)up[0]);
    *in = down[0];
    *out = up[1];
    return !failed;
}

static void move(int *descriptor, u64 to) {
    if (call3(DUP3, (u64)*descriptor, to, 02000000) < 0) end(96);
    call1(CLOSE, (u64)*descriptor);
    *descriptor = (int)to;
}

static void make_child(struct channel *channel) {
    u32 index = free_child();
    int in, out;
    if (index == CHILDREN || !make_pipes(index, &in, &out)) {
        put_text(&channel->answer, "-24");
        return;
    }
    s64 process = call6(CLONE, SIGNAL_CHILD, 0, 0, 0, 0, 0);
    if (process == 0) {
        for (u32 i = 0; i < 2 * CHILDREN; i++) call1(CLOSE, TO_CHILD + i);
        for (u32 i = 0; i < 2 * THREADS; i++) call1(CLOSE, FROM_THREAD + i);
        memset(children, 0, sizeof children);
        memset(ids, 0, sizeof ids);
        thread_count = 0;
        note_count = 0;
        struct channel own = {COMMANDS, ANSWERS, main_line, LINE, 0, 0, 0, {main_answer, 0, sizeof main_answer}};
        move(&in, COMMANDS);
        move(&out, ANSWERS);
        serve(&own);
        end(0);
    }
    call1(CLOSE, (u64)in);
    call1(CLOSE, (u64)out);
    if (process < 0) {
        call1(CLOSE, TO_CHILD + 2 * index);
        call1(CLOSE, TO_CHILD + 2 * index + 1);
        put_decimal(&channel->answer, process);
        return;
    }
    children[index] = (u32)process;
    ids[index] = (u32)process;
    put_hex(&channel->answer, index, 1);
    put(&channel->answer, ' ');
    put_decimal(&channel->answer, process);
}

/* Returns a channel, in memory that children share, so that this process goes on where a successor has ended. */
static struct channel *shared(struct channel *channel) {
    static struct channel *made;
    if (made == 0) {
        s64 memory = call6(MMAP, 0, sizeof *made + LINE + KEPT * sizeof *kept, 3, 0x21, (u64)-1, 0);
        if (memory < 0) end(97);
        made = (struct channel *)memory;
        *made = *channel;
        made->line = (u8 *)(made + 1);
        memcpy(made->line, channel->line, channel->held);
        kept = (s64 *)(made->line + LINE);
    }
    return made;
}

/* Makes a child that goes on in the place of this process, in a group of its own, and waits for its end. */
static void make_successor(struct channel *channel) {
    for (u32 i = 0; i < KEPT; i++) kept[i] = -1;
    s64 process = call6(CLONE, SIGNAL_CHILD, 0, 0, 0, 0, 0);
    if (process < 0) {
        put_decimal(&channel->answer, process);
        return;
    }
    if (process == 0) {
        call2(SETPGID, 0, 0);
        put_decimal(&channel->answer, call0(GETPID));
        return;
    }
    int status = 0;
    while (call4(WAIT4, (u64)process, (u64)&status, 0, 0) == -4) {}
    call2(KILL, (u64)-process, SIGNAL_KILL);
    channel->answer.length = 0;
    put_text(&channel->answer, "ended ");
    put_decimal(&channel->answer, status);
    skips = 1;
}

static void run_thread(u64 index) {
    use_signal_stack((u32)index + 1);
    serve(&threads[index]);
}

static void make_thread(struct channel *channel) {
    u32 index = free_child(), thread = thread_count;
    int in, out;
    if (index == CHILDREN || thread == THREADS || !make_pipes(index, &in, &out)) {
        put_text(&channel->answer, "-24");
        return;
    }
    thread_count++;
    move(&in, FROM_THREAD + 2 * thread);
    move(&out, FROM_THREAD + 2 * thread + 1);
    threads[thread] = (struct channel){
        in, out, thread_lines[thread], LINE / 8, 0, 0, 0, {thread_answers[thread], 0, LINE}};
    u64 *stack = (u64 *)(thread_stacks[thread] + STACK) - 2;
    stack[0] = (u64)run_thread;
    stack[1] = thread;
    s64 result = start_thread(THREAD_FLAGS, stack, 0, CLONE_WORDS(0, 0));
    if (result < 0) {
        put_decimal(&channel->answer, result);
        return;
    }
    children[index] = 1;
    ids[index] = (u32)result;
    put_hex(&channel->answer, index, 1);
    put(&channel->answer, ' ');
    put_decimal(&channel->answer, result);
}

/* Makes one call, and ends with its result; a call of a process that shares memory must not use more than its stack. */
static void run_call(u64 argument) {
    const u64 *a = (const u64 *)argument;
    s64 result = call6(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    for (;;) call1(EXIT, (u64)result & 0xff);
}

/* Makes a child by clone or clone3, with flags and the addresses of words, that makes one call. */
static s64 spawn(const u8 **at) {
    u64 a[5];
    u8 *bottom = spawned_stacks[spawned++ % SPAWNED];
    u64 *call = (u64 *)(bottom + SPAWNED_STACK) - 8, *stack = call - 2;
    for (int i = 0; i < 5; i++) a[i] = number(at);
    for (int i = 0; i < 7; i++) call[i] = number(at);
    stack[0] = (u64)run_call;
    stack[1] = (u64)call;
    if (a[0] == 0) {
        return start_thread(a[1], stack, (a[1] & WITH_PIDFD) != 0 ? a[2] : a[3], CLONE_WORDS(a[4], 0));
    }
    struct clone_args given = {
        a[1] & ~0xffUL, a[2], a[4], a[3], a[1] & 0xff, (u64)bottom, (u64)stack - (u64)bottom, 0};
    return start_clone3(&given, sizeof given);
}

/* Answers for a child that has ended. */
static void gone(struct channel *channel, u32 index) {
    int status = 0;
    if (children[index] > 1) call4(WAIT4, children[index], (u64)&status, 0, 0);
    call1(CLOSE, TO_CHILD + 2 * index);
    call1(CLOSE, TO_CHILD + 2 * index + 1);
    children[index] = 0;
    put_text(&channel->answer, "gone ");
    put_decimal(&channel->answer, status);
}

static int tell(struct channel *channel, u32 index, const u8 *line) {
    u64 length = 0;
    while (line[length]) length++;
    int to = (int)(TO_CHILD + 2 * index);
    if (write_all(to, line, length) && write_all(to, (const u8 *)"\n", 1)) return 1;
    gone(channel, index);
    return 0;
}

/* Passes an answer on. Returns whether it was sent already. */
static int relay_answer(struct channel *channel, u32 index) {
    int from = (int)(TO_CHILD + 2 * index + 1);
    u64 held;
    s64 length = read_line(from, relayed, sizeof relayed, &held);
    if (length < 0) {
        gone(channel, index);
        return 0;
    }
    if (length > 0 && relayed[0] == '#') {
        const u8 *at = relayed + 1;
        u64 size = number(&at), came = held - (u64)length - 1;
        write_all(channel->out, relayed, held);
        if (size > TEXT || !read_all(from, file_text, size - came)) end(98);
        write_all(channel->out, file_text, size - came);
        return 1;
    }
    for (s64 i = 0; i < length; i++) put(&channel->answer, relayed[i]);
    return 0;
}

/* Makes a call again while its result is 0. */
static void repeat(struct text *answer, u64 tries, const u8 *at) {
    u64 a[7], millisecond[2] = {0, 1000000};
    s64 result;
    for (int i = 0; i < 7; i++) a[i] = number(&at);
    do result = call6(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    while (result == 0 && tries-- > 0 && call2(NANOSLEEP, (u64)millisecond, 0) == 0);
    put_decimal(answer, result);
}

/* One request */

static void perform(struct channel *channel, const u8 *line) {
    struct text *answer = &channel->answer;
    u8 command = *line++;
    const u8 *at = line;
    u64 a[7];
    struct probe probe;
    switch (command) {
        case 'c':
            for (int i = 0; i < 7; i++) a[i] = number(&at);
            put_decimal(answer, last = call6(a[0], a[1], a[2], a[3], a[4], a[5], a[6]));
            break;
        case 'C': put_decimal(answer, last = spawn(&at)); break;
        case 'n':
            a[0] = number(&at);
            if (kept != 0 && a[0] < KEPT) kept[a[0]] = last;
            put_text(answer, "ok");
            break;
        case 'u':
            a[0] = number(&at);
            repeat(answer, a[0], at);
            break;
        case 'l':
            a[0] = number(&at);
            probe = load(a[0], number(&at));
            if (!put_if_fault(answer, &probe)) put_hex(answer, probe.value, 1);
            break;
        case 's':
            a[0] = number(&at);
            a[1] = number(&at);
            probe = store(a[0], a[1], number(&at));
            if (!put_if_fault(answer, &probe)) put_text(answer, "ok");
            break;
        case 't':
            a[0] = number(&at);
            contents(answer, a[0], number(&at));
            break;
        case 'v':
            for (int i = 0; i < 5; i++) a[i] = number(&at);
            layout(answer, a[0], a[1], a[2], a[3], a[4]);
            break;
        case 'H':
            a[0] = number(&at);
            hashes(answer, a[0], number(&at));
            break;
        case 'd':
            a[0] = number(&at);
            dump(answer, a[0], number(&at));
            break;
        case 'p':
            a[0] = number(&at);
            poke(answer, a[0], at);
            break;
        case 'f':
            if (file(channel, line + (*line == ' '))) return;
            break;
        case 'h':
            a[0] = number(&at);
            a[1] = number(&at);
            put_decimal(answer, note_signal(a[0], a[1], number(&at)));
            break;
        case 'g':
            for (u32 i = 0; i < note_count && i < NOTES; i++) {
                if (i > 0) put(answer, ' ');
                put_fault(answer, notes[i].signal, notes[i].code, notes[i].address);
            }
            note_count = 0;
            break;
        case 'F': make_child(channel); break;
        case 'T': make_thread(channel); break;
        case '@':
        case '>':
        case '<':
            a[0] = number(&at);
            if (a[0] >= CHILDREN || children[a[0]] == 0) {
                put_text(answer, "nobody");
                break;
            }
            if (command != '<' && !tell(channel, (u32)a[0], at + (*at == ' '))) break;
            if (command == '>') {
                put_text(answer, "ok");
                break;
            }
            if (relay_answer(channel, (u32)a[0])) return;
            break;
        case 'k':
            a[0] = number(&at);
            if (a[0] >= CHILDREN || children[a[0]] <= 1) {
                put_text(answer, "nobody");
                break;
            }
            call2(KILL, children[a[0]], SIGNAL_KILL);
            gone(channel, (u32)a[0]);
            break;
        case 'E': make_successor(channel); break;
        case 'e':
            skips = 0;
            put_text(answer, "ok");
            break;
        case 'm':
            a[0] = number(&at);
            a[1] = number(&at);
            fill(answer, a[0], a[1], number(&at));
            break;
        case 'y':
            a[0] = number(&at);
            hash(answer, a[0], number(&at));
            break;
        case 'r': registers(answer, number(&at)); break;
        case 'x': end(number(&at));
        default: put_text(answer, "?"); break;
    }
    put(answer, '\n');
    write_all(channel->out, answer->bytes, answer->length);
}

static void serve(struct channel *channel) {
    while (next_line(channel)) {
        if (skips && channel->line[channel->start] != 'e') continue;
        channel->answer.length = 0;
        if (channel->line[channel->start] == 'E') channel = shared(channel);
        perform(channel, channel->line + channel->start);
    }
}

void begin(u64 *stack) {
#if defined(__x86_64__)
    u64 personality = (u64)call1(PERSONALITY, 0xffffffff);
    if ((personality & NO_RANDOMIZE) == 0 && call1(PERSONALITY, personality | NO_RANDOMIZE) >= 0) {
        u64 count = stack[0];
        call3(EXECVE, (u64) "/proc/self/exe", (u64)(stack + 1), (u64)(stack + 2 + count));
    }
#else
    (void)stack;
#endif
    call3(DUP3, 0, COMMANDS, 02000000);
    call3(DUP3, 1, ANSWERS, 02000000);
    call1(CLOSE, 0);
    call1(CLOSE, 1);
    use_signal_stack(0);
    note_signal(SIGNAL_SEGV, SA_ONSTACK | SA_NODEFER, 0);
    note_signal(SIGNAL_BUS, SA_ONSTACK | SA_NODEFER, 0);
    struct channel own = {COMMANDS, ANSWERS, main_line, LINE, 0, 0, 0, {main_answer, 0, sizeof main_answer}};
    put_text(&own.answer, "judge 1 scratch ");
    put_hex(&own.answer, (u64)scratch, 1);
    put_text(&own.answer, " length ");
    put_hex(&own.answer, SCRATCH, 1);
    put_text(&own.answer, " brk ");
    put_hex(&own.answer, (u64)call1(BRK, 0), 1);
    put_text(&own.answer, " process ");
    put_hex(&own.answer, (u64)call0(GETPID), 1);
    put(&own.answer, '\n');
    write_all(ANSWERS, own.answer.bytes, own.answer.length);
    serve(&own);
    end(0);
}
