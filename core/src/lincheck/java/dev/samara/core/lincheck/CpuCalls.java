// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.cpu.TlbContext;
import org.jetbrains.lincheck.datastructures.Operation;

/** Calls on CPUs and on the flush log, each set with its sequential specification. */
final class CpuCalls {
    private CpuCalls() {}

    /** Two threads claim a CPU that was handed over. */
    public static class Claims {
        private final Cpu cpu = Machine.builder().build().claimCpu();

        public Claims() {
            cpu.handOver();
        }

        @Operation
        public boolean claim() {
            try {
                cpu.claim();
                return true;
            } catch (IllegalStateException refused) {
                return false;
            }
        }

        /** The first claim succeeds. */
        public static final class Specification {
            private boolean isClaimed;

            public boolean claim() {
                boolean isFirst = !isClaimed;
                isClaimed = true;
                return isFirst;
            }
        }
    }

    /** A CPU enters or leaves LAZY concurrently with the end of its context. */
    public static class LazyBesideTheEnd {
        private final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
        private final TlbContext context = new TlbContext();
        private final CpuState cpu = OwnedCpu.claim(cpus, 1, () -> {});

        public LazyBesideTheEnd() {
            context.use();
            cpu.arrive(context);
        }

        @Operation
        public void enterLazy() {
            cpu.enterLazy();
        }

        @Operation
        public boolean leaveLazy() {
            return cpu.leaveLazy(context);
        }

        /** Drops the only reference. */
        @Operation(runOnce = true)
        public String end() {
            return !context.put() ? "in use" : cpus.beginTeardown(context) == null ? "ended" : "ended, and in use";
        }

        /** A context ends with its last user. */
        public static final class Specification {
            private boolean isLazy;
            private boolean isPut;
            private boolean isEnded;

            public void enterLazy() {
                isLazy = true;
                isEnded = isPut;
            }

            public boolean leaveLazy() {
                isLazy = isEnded;
                return !isEnded;
            }

            public String end() {
                isPut = true;
                isEnded = isLazy;
                return isEnded ? "ended" : "in use";
            }
        }
    }

    /** A record of the log that is read while a later record overwrites it. */
    public static class OverwrittenRecord {
        private static final int OLD = 1;
        private static final int NEW = OLD + TlbContext.LOG_SIZE;

        private final TlbContext context = new TlbContext();

        public OverwrittenRecord() {
            context.log(OLD, 0x1000, 0x2000, 1, MmuNotifier.Reason.UNMAPPED);
        }

        @Operation
        public String read() {
            TlbContext.FlushedRange range = new TlbContext.FlushedRange();
            return context.readLog(OLD, range) ? range.start() + "-" + range.end() : "none";
        }

        @Operation
        public void overwrite() {
            context.log(NEW, 0x7000, 0x9000, 1, MmuNotifier.Reason.UNMAPPED);
        }

        /** A read returns the whole record, or none. */
        public static final class Specification {
            private boolean isOverwritten;

            public String read() {
                return isOverwritten ? "none" : 0x1000 + "-" + 0x2000;
            }

            public void overwrite() {
                isOverwritten = true;
            }
        }
    }
}
