// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Chooses the words of a script: mostly edge cases, and words that the script used before. */
final class Vocabulary {
    private static final long[] OFFSETS = {
        0,
        0,
        1,
        2,
        5,
        9,
        10,
        11,
        100,
        511,
        512,
        4095,
        4096,
        4097,
        8192,
        65535,
        65536,
        65537,
        1L << 20,
        1L << 31,
        (1L << 31) - 1,
        1L << 32,
        (1L << 32) - 1,
        1L << 40,
        -1,
        -2,
        -10,
        -4096,
        Long.MAX_VALUE,
        Long.MAX_VALUE - 1,
        Long.MAX_VALUE - 4096,
        Long.MIN_VALUE,
        1L << 62,
        0xffff_fffeL
    };
    private static final int[] LENGTHS = {0, 1, 1, 2, 3, 4, 7, 8, 9, 10, 11, 16, 31, 64, 100};
    private static final int[] BAD_DESCRIPTORS = {
        -1, -2, -100, 99, 600, 1024, 1025, Integer.MAX_VALUE, Integer.MIN_VALUE
    };
    /** The calls by which a task may reach the folder above, directly or through a link. */
    private static final Set<JudgedCall> ASCENDING =
            EnumSet.of(JudgedCall.CHDIR, JudgedCall.OPENAT, JudgedCall.SYMLINKAT);

    /**
     * A script starts in the innermost of its three folders. Above these are the folders of other scripts; further up,
     * there are other folders on the kernel, but only the root in the emulator.
     */
    static final int MOST_ASCENTS = 2;

    private static final String[] NAMES = {"a", "b", "c", "d", "e", "p", "l", "dl", "x", "\u00e4\u00ff", "\u00c3\u00a4"
    };
    private static final String[] PATHS = {
        "d/f",
        "d/g",
        "d/.",
        "d/..",
        "d/../a",
        "./a",
        ".//a",
        "a/",
        "a/.",
        "a/..",
        "a/x",
        "l/",
        "l/x",
        "dl/",
        "dl/f",
        "dl/..",
        "dl/../b",
        "d/",
        "d//f",
        "d/e",
        "d/e/",
        "d/e/h",
        "nothing/x",
        "nothing/../a",
        ".",
        "./",
        "..",
        "../",
        "",
        "loop",
        "loop/",
        "loop/x",
        "dangling",
        "dangling/",
        "d/up/a",
        "d/up",
        "e/..",
        "x/",
        "x/.",
        "x/..",
        "p/",
        "p/x"
    };

    final Random random;
    private final List<Step> steps = new ArrayList<>();
    private int nextDescriptor;
    private int tasks = 1;
    private int ascents;

    Vocabulary(long seed) {
        random = new Random(seed * 0x9e37_79b9_7f4a_7c15L);
    }

    List<Step> steps() {
        return steps;
    }

    // Numbers

    int below(int bound) {
        return random.nextInt(bound);
    }

    boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    long one(long... of) {
        return of[random.nextInt(of.length)];
    }

    String one(String... of) {
        return of[random.nextInt(of.length)];
    }

    /** Returns the bitwise or of randomly chosen bits. */
    long bits(int percent, long... of) {
        long all = 0;
        for (long each : of) {
            all |= chance(percent) ? each : 0;
        }
        return all;
    }

    static Argument n(long value) {
        return new Argument.Numeric(value);
    }

    Argument any(long... of) {
        return n(one(of));
    }

    Argument offset() {
        return chance(70) ? n(one(0, 1, 5, 10, 20, 4096, below(64), below(8192))) : n(one(OFFSETS));
    }

    int length() {
        return LENGTHS[random.nextInt(LENGTHS.length)];
    }

    // Descriptors

    /** Records that a call creates descriptors if it succeeds. */
    void opened(int count) {
        nextDescriptor = Math.min(nextDescriptor + count, 11);
    }

    Argument descriptor() {
        return chance(94) && nextDescriptor > 0
                ? n(chance(40) ? nextDescriptor - 1 : random.nextInt(nextDescriptor))
                : n(BAD_DESCRIPTORS[random.nextInt(BAD_DESCRIPTORS.length)]);
    }

    Argument newDescriptor() {
        return n(chance(90) ? random.nextInt(12) : one(-1, 1024, 1023, 77, Integer.MAX_VALUE));
    }

    int descriptors() {
        return nextDescriptor;
    }

    // Memory

    Argument bad() {
        return chance(50) ? new Argument.Bad() : n(one(0, 1, -1, -4096, Long.MIN_VALUE, 1L << 47, (1L << 47) - 1));
    }

    /** Returns memory for a call that reads or writes {@code length} bytes. */
    Argument memory(int length) {
        int kind = random.nextInt(20);
        if (kind < 12) {
            return new Argument.Buffer(length);
        } else if (kind < 16) {
            return new Argument.Edge(random.nextInt(length + 1));
        } else if (kind == 16) {
            return new Argument.ReadOnly();
        } else if (kind == 17) {
            return bad();
        }
        return new Argument.Buffer(length);
    }

    Argument in(Argument.Field... fields) {
        return chance(97) ? new Argument.Fields(List.of(fields)) : bad();
    }

    static Argument fields(Argument.Field... fields) {
        return new Argument.Fields(List.of(fields));
    }

    static Argument.Field b(long value) {
        return new Argument.Field('b', n(value));
    }

    static Argument.Field h(long value) {
        return new Argument.Field('h', n(value));
    }

    static Argument.Field w(long value) {
        return new Argument.Field('w', n(value));
    }

    static Argument.Field q(long value) {
        return new Argument.Field('q', n(value));
    }

    static Argument.Field i(Argument process) {
        return new Argument.Field('i', process);
    }

    static Argument.Field p(Argument to) {
        return new Argument.Field('p', to);
    }

    Argument out(Structure structure) {
        return chance(97) ? new Argument.Out(structure) : bad();
    }

    static Argument time(long seconds, long nanos) {
        return fields(new Argument.Field('t', n(seconds)), new Argument.Field('t', n(nanos)));
    }

    /** Returns a short or an invalid time. */
    Argument shortTime() {
        return switch (random.nextInt(10)) {
            case 0 -> time(-1, 0);
            case 1 -> time(0, -1);
            case 2 -> time(0, 1_000_000_000L);
            case 3 -> time(0, 999_999);
            case 4 -> bad0();
            default -> time(0, 0);
        };
    }

    private static Argument bad0() {
        return new Argument.Bad();
    }

    // Names

    String name() {
        return NAMES[random.nextInt(NAMES.length)];
    }

    Argument path() {
        int kind = random.nextInt(100);
        if (kind < 62) {
            return new Argument.Text(name());
        } else if (kind < 90) {
            return new Argument.Text(PATHS[random.nextInt(PATHS.length)]);
        } else if (kind < 92) {
            return new Argument.Repeated((int) one(254, 255, 256, 300, 4095, 4096), 'n');
        } else if (kind < 94) {
            return new Argument.LongPath((int) one(255, 256, 4094, 4095, 4096, 5000), name().charAt(0));
        } else if (kind < 97) {
            return new Argument.Text("/proc/self/fd/" + one(0, 1, 2, 3, 4, 99));
        } else if (kind < 98) {
            return new Argument.Text(one("/dev/null", "/dev/zero", "/dev/full"));
        }
        return bad();
    }

    /** Returns a path of something that may be created or changed. */
    Argument ownPath() {
        for (; ; ) {
            Argument found = path();
            boolean isOutside = found instanceof Argument.Text text
                    && (text.bytes().startsWith("/") || text.bytes().startsWith(".."));
            if (!isOutside) {
                return found;
            }
        }
    }

    Argument folder() {
        return chance(80) ? n(-100) : descriptor();
    }

    // Steps

    int tasks() {
        return tasks;
    }

    Argument pid(int task) {
        return new Argument.TaskNumber(false, task, false);
    }

    Argument tid(int task) {
        return new Argument.TaskNumber(true, task, false);
    }

    Argument process() {
        return chance(85) ? pid(random.nextInt(tasks)) : any(0, 0x3fff_ffff, Integer.MIN_VALUE + 1, Integer.MAX_VALUE);
    }

    Argument thread() {
        return chance(85) ? tid(random.nextInt(tasks)) : any(0, -1, 0x3fff_ffff, Integer.MAX_VALUE);
    }

    /** Creates a task, and returns its number. */
    int make(int by, boolean isThread) {
        steps.add(new Step.Make(by, isThread));
        return tasks++;
    }

    /** Adds a step, unless it would harm the machine or leave the script's folders. */
    void add(Step step) {
        boolean isAscent = isAscent(step);
        if (Safety.isSafe(step) && !(isAscent && ascents == MOST_ASCENTS)) {
            steps.add(step);
            ascents += isAscent ? 1 : 0;
        }
    }

    /** Returns whether a step may move a task to the folder above, or create a descriptor or link of that folder. */
    static boolean isAscent(Step step) {
        Step made = step instanceof Step.Spawn spawn ? spawn.call() : step;
        return made instanceof Step.Call call
                && ASCENDING.contains(call.call())
                && call.arguments().stream()
                        .anyMatch(each -> each instanceof Argument.Text text
                                && text.bytes().startsWith(".."));
    }

    void call(JudgedCall call, Argument... arguments) {
        add(new Step.Call(0, Step.Way.PLAIN, call, List.of(arguments)));
    }

    void timed(JudgedCall call, Argument... arguments) {
        add(new Step.Call(0, Step.Way.TIMED, call, List.of(arguments)));
    }

    void begin(int task, JudgedCall call, Argument... arguments) {
        add(new Step.Call(task, Step.Way.BEGUN, call, List.of(arguments)));
    }

    /** Stores the result of the last call. */
    void keep(int task, int number) {
        add(new Step.Keep(task, number));
    }

    static Argument kept(int number) {
        return new Argument.Kept(number);
    }

    void await(int task) {
        add(new Step.Await(task));
    }

    void repeat(JudgedCall call, Argument... arguments) {
        add(new Step.Call(0, Step.Way.REPEATED, call, List.of(arguments)));
    }

    void by(int task, JudgedCall call, Argument... arguments) {
        add(new Step.Call(task, Step.Way.PLAIN, call, List.of(arguments)));
    }
}
