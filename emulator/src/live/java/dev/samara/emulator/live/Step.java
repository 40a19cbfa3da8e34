// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A step of a script, executed by one of its tasks; task 0 is the first task. */
sealed interface Step {
    int task();

    /** How a call is made. */
    enum Way {
        /** The script waits for the result. */
        PLAIN,
        /** The script continues without waiting. */
        BEGUN,
        /** The call is repeated for some time, until its result is not 0. */
        REPEATED
    }

    /** A system call. */
    record Call(int task, Way way, JudgedCall call, List<Argument> arguments) implements Step {
        /** Returns calls in which one number is simpler. */
        List<Step> simpler() {
            List<Step> simpler = new ArrayList<>();
            for (int i = 0; i < arguments.size(); i++) {
                if (arguments.get(i) instanceof Argument.Numeric number && number.value() != 0) {
                    for (long value : new long[] {0, 1, number.value() & 0xffff}) {
                        if (Long.compareUnsigned(value, number.value()) < 0) {
                            List<Argument> changed = new ArrayList<>(arguments);
                            changed.set(i, new Argument.Numeric(value));
                            simpler.add(new Call(task, way, call, changed));
                        }
                    }
                }
            }
            return simpler;
        }

        @Override
        public String toString() {
            String prefix = switch (way) {
                case PLAIN -> "";
                case BEGUN -> "begin ";
                case REPEATED -> "repeat ";
            };
            return at(task)
                    + prefix
                    + call.text()
                    + arguments.stream().map(Argument::toString).collect(Collectors.joining(", ", "(", ")"));
        }
    }

    /** Waits for the end of a call that was started. */
    record Await(int task) implements Step {
        @Override
        public String toString() {
            return at(task) + "await";
        }
    }

    /** Creates a child or a thread, which becomes the next task. */
    record Make(int task, boolean isThread) implements Step {
        @Override
        public String toString() {
            return at(task) + (isThread ? "thread" : "fork");
        }
    }

    /**
     * Stores the result of the last call, for all tasks, but not the result of a call whose descriptor was inspected
     * afterwards.
     */
    record Keep(int task, int number) implements Step {
        @Override
        public String toString() {
            return at(task) + "keep " + number;
        }
    }

    /**
     * Creates a child that makes one call and ends before the next step, with the call's result as its exit status. The
     * child is not a task of the script. Its number, or the error of its clone, is stored as {@link #KEPT}.
     *
     * @param task the parent
     * @param isClone3 whether clone3 creates the child
     * @param flags the flags, and the signal that is sent when it ends
     * @param words the address of three words of 8 bytes: the child's descriptor, the child's number as stored by its
     *     parent, and the same number as stored by the child itself
     * @param call the child's call
     */
    record Spawn(int task, boolean isClone3, long flags, long words, Call call) implements Step {
        static final int KEPT = 7;

        /** Returns the call that creates the child. */
        String name() {
            return isClone3 ? "clone3" : "clone";
        }

        List<Step> simpler() {
            List<Step> simpler = new ArrayList<>();
            // Another signal might end the parent.
            for (long bit = flags & ~0xffL; bit != 0; bit &= bit - 1) {
                simpler.add(new Spawn(task, isClone3, flags & ~Long.lowestOneBit(bit), words, call));
            }
            return simpler;
        }

        @Override
        public String toString() {
            return at(task) + "spawn " + name() + " 0x" + Long.toHexString(flags) + " 0x" + Long.toHexString(words)
                    + " " + call;
        }
    }

    /** Loads a word, or stores one if there is a value. */
    record Load(int task, int width, long address) implements Step {
        @Override
        public String toString() {
            return at(task) + "load " + width + " 0x" + Long.toHexString(address);
        }
    }

    /** Stores a word. */
    record Store(int task, int width, long address, long value) implements Step {
        @Override
        public String toString() {
            return at(task) + "store " + width + " 0x" + Long.toHexString(address) + " 0x" + Long.toHexString(value);
        }
    }

    private static String at(int task) {
        return task == 0 ? "" : task + ": ";
    }
}
