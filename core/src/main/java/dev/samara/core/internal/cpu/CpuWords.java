// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The words of a CPU that other threads read or write, each alone on its cache lines. 128 bytes lie between them, since
 * lines are fetched in pairs. Fields of a superclass come before those of a subclass.
 */
@SuppressWarnings("UnusedVariable") // the padding; the words through CpuState
final class CpuWords {
    private CpuWords() {}

    static class Before {
        private long a0;
        private long a1;
        private long a2;
        private long a3;
        private long a4;
        private long a5;
        private long a6;
        private long a7;
        private long b0;
        private long b1;
        private long b2;
        private long b3;
        private long b4;
        private long b5;
        private long b6;
        private long b7;
    }

    /** State and context. */
    static class State extends Before {
        long word;
    }

    static class BeforePending extends State {
        private long c0;
        private long c1;
        private long c2;
        private long c3;
        private long c4;
        private long c5;
        private long c6;
        private long c7;
        private long d0;
        private long d1;
        private long d2;
        private long d3;
        private long d4;
        private long d5;
        private long d6;
        private long d7;
    }

    /** The request: not 0 while it is pending. */
    static class Pending extends BeforePending {
        int pending;
    }

    static class BeforeFlushed extends Pending {
        private long e0;
        private long e1;
        private long e2;
        private long e3;
        private long e4;
        private long e5;
        private long e6;
        private long e7;
        private long f0;
        private long f1;
        private long f2;
        private long f3;
        private long f4;
        private long f5;
        private long f6;
        private long f7;
    }

    /** The generation of the loaded context that the TLB has been flushed to. */
    static class Flushed extends BeforeFlushed {
        long flushed;
    }
}
