// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Chooses the words of a script: mostly edge cases, and words that the script used before. */
final class Vocabulary {
    private static final int[] LENGTHS = {0, 1, 1, 2, 3, 4, 7, 8, 9, 10, 11, 16, 31, 64, 100};

    /** O_RDWR | O_CREAT. */
    static final int RDWR_CREAT = 0102;

    final Random random;
    private final List<Step> steps = new ArrayList<>();
    private int nextDescriptor;
    private int tasks = 1;

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

    int length() {
        return LENGTHS[random.nextInt(LENGTHS.length)];
    }

    // Descriptors

    /** Records that a call creates descriptors if it succeeds. */
    void opened(int count) {
        nextDescriptor = Math.min(nextDescriptor + count, 11);
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

    static Argument.Field w(long value) {
        return new Argument.Field('w', n(value));
    }

    static Argument.Field q(long value) {
        return new Argument.Field('q', n(value));
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
            case 4 -> new Argument.Bad();
            default -> time(0, 0);
        };
    }

    // Steps

    int tasks() {
        return tasks;
    }

    Argument pid(int task) {
        return new Argument.TaskNumber(false, task, false);
    }

    Argument process() {
        return chance(85) ? pid(random.nextInt(tasks)) : any(0, 0x3fff_ffff, Integer.MIN_VALUE + 1, Integer.MAX_VALUE);
    }

    /** Creates a task, and returns its number. */
    int make(int by, boolean isThread) {
        steps.add(new Step.Make(by, isThread));
        return tasks++;
    }

    void add(Step step) {
        steps.add(step);
    }

    void call(JudgedCall call, Argument... arguments) {
        add(new Step.Call(0, Step.Way.PLAIN, call, List.of(arguments)));
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
