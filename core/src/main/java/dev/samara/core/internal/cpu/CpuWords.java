// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Padding;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** The words of a CPU that other threads read or write, each on its own cache lines ({@link Padding}). */
@SuppressWarnings("UnusedVariable") // the padding
final class CpuWords {
    static final VarHandle WORD =
            ConstantBootstraps.fieldVarHandle(MethodHandles.lookup(), "word", VarHandle.class, State.class, long.class);
    static final VarHandle PENDING = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "pending", VarHandle.class, Pending.class, int.class);
    static final VarHandle FLUSHED = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "flushed", VarHandle.class, Flushed.class, long.class);

    private CpuWords() {}

    /** State and context. */
    abstract static class State extends Padding {
        /**
         * Declared volatile and visible, because after an Error the CPU leaves GUEST without a call, for which no stack
         * may be left.
         *
         * <p>Written: its thread (volatile, release); a thread that takes a gone CPU offline (release). The section
         *     docs/protocols.md#the-states-of-a-cpu lists the mode of each transition.
         * Read: shooters, a thread that ends a context, and one that reads statistics or makes a message (volatile).
         * Pairs: {@code CpuState.enterGuest} (volatile) sets GUEST, then the CPU reads {@code
         *     TlbContext.generation} (volatile), then entries. A shooter changes an entry, calls {@code
         *     TlbContext.advance} (get-and-add), then reads {@code Leaf.cpumask} and this word (volatile). Either
         *     the CPU catches up, or the shooter waits for it.
         * Invariant: state and context.
         */
        public volatile long word;
    }

    abstract static class BeforePending extends State {
        private long c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7;
    }

    /** The request: not 0 while it is pending. */
    abstract static class Pending extends BeforePending {
        /**
         * Written: a shooter, after the generation (volatile); its thread, before it reads the generation, or when it
         *     leaves GUEST to come back with the next poll (volatile).
         * Read: its thread, polling (opaque).
         * Pairs: a shooter advances the generation, then stores the request. The CPU clears the request, then reads the
         *     generation.
         * Invariant: not 0 if a shooter waits, or if the CPU must return to GUEST. The request is only a hint; the word
         *     and the generation up to which the CPU flushed decide.
         */
        private int pending;
    }

    abstract static class BeforeFlushed extends Pending {
        /** Padding after a word of four bytes, as in {@link Padding}. */
        private int rest;

        private long e0, e1, e2, e3, e4, e5, e6, e7, f0, f1, f2, f3, f4, f5, f6, f7;
    }

    /** The generation of the current context up to which the TLB was flushed. */
    abstract static class Flushed extends BeforeFlushed {
        /**
         * Written: its thread, after a flush, and before it enters another context (release).
         * Read: shooters, after the word (acquire).
         * Pairs: {@code CpuState.flushedTo}, {@code leaveGuest} (release) with {@code isDone} (acquire, volatile).
         *     Accesses through old translations happen before the next actions of the shooter, in particular before it
         *     frees frames.
         * Invariant: no translation from before this generation of the current context is used any more.
         */
        private long flushed;
    }
}
