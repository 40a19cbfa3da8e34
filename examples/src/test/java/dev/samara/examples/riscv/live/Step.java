// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.util.List;
import java.util.stream.Collectors;

/** A step of a script, which one of its tasks makes: task 0 is the first one. */
sealed interface Step {
    int task();

    /** How a call is made. */
    enum Way {
        /** And its result is waited for. */
        PLAIN,
        /** While a timer sends signals to a handler, so that a call which waits is interrupted. */
        TIMED,
        /** And the script goes on. */
        BEGUN,
        /** Again and again, until its result is not 0, for some time. */
        REPEATED
    }

    /** A system call. */
    record Call(int task, Way way, JudgedCall call, List<Argument> arguments) implements Step {
        @Override
        public String toString() {
            String prefix = switch (way) {
                case PLAIN -> "";
                case TIMED -> "timed ";
                case BEGUN -> "begin ";
                case REPEATED -> "repeat ";
            };
            return at(task)
                    + prefix
                    + call.text()
                    + arguments.stream().map(Argument::toString).collect(Collectors.joining(", ", "(", ")"));
        }
    }

    /** The end of a call that was begun. */
    record Await(int task) implements Step {
        @Override
        public String toString() {
            return at(task) + "await";
        }
    }

    /** A child or a thread, which is the next task. */
    record Make(int task, boolean isThread) implements Step {
        @Override
        public String toString() {
            return at(task) + (isThread ? "thread" : "fork");
        }
    }

    /** A handler that notes a signal. */
    record Handle(int task, int signal, long flags, long mask) implements Step {
        @Override
        public String toString() {
            return at(task) + "handle " + signal + " 0x" + Long.toHexString(flags) + " 0x" + Long.toHexString(mask);
        }
    }

    /** The signals that handlers have noted. */
    record Noted(int task) implements Step {
        @Override
        public String toString() {
            return at(task) + "noted";
        }
    }

    /** A signal while all registers have one value. */
    record Registers(int task, long value) implements Step {
        @Override
        public String toString() {
            return at(task) + "registers 0x" + Long.toHexString(value);
        }
    }

    /** A load, or a store if there is a value. */
    record Load(int task, int width, long address) implements Step {
        @Override
        public String toString() {
            return at(task) + "load " + width + " 0x" + Long.toHexString(address);
        }
    }

    /** A store. */
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
