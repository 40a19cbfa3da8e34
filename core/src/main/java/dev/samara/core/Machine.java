// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.layout.Host;
import dev.samara.core.layout.Retirement;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Report;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A simulated machine: the settings and the committed memory that its address spaces share. Thread-safe.
 */
public final class Machine {
    private static final System.Logger LOGGER = System.getLogger("dev.samara.core");

    private final Host host;
    private final @Nullable KeepLog keepLog;

    private Machine(Host host, @Nullable KeepLog keepLog) {
        this.host = host;
        this.keepLog = keepLog;
    }

    /**
     * Starts the description of a machine with Linux's default settings and no commit limit.
     *
     * @return the description, to be completed and built
     */
    public static Builder builder() {
        return new Builder();
    }

    Host host() {
        return host;
    }

    @Nullable
    KeepLog keepLog() {
        return keepLog;
    }

    /**
     * Makes an empty address space with Linux's default limits and no privileges.
     *
     * @param geometry sizes and bounds
     * @return the space
     */
    public AddressSpace newSpace(Geometry geometry) {
        return space(geometry).build();
    }

    /**
     * Starts the description of an address space.
     *
     * @param geometry sizes and bounds
     * @return the description, to be completed and built
     */
    public AddressSpaceBuilder space(Geometry geometry) {
        return new AddressSpaceBuilder(this, geometry);
    }

    private static void log(Report report) {
        Throwable cause = report.cause();
        if (cause == null) {
            LOGGER.log(System.Logger.Level.WARNING, report.message());
        } else {
            LOGGER.log(System.Logger.Level.WARNING, report.message(), cause);
        }
    }

    /**
     * The memory promised to all spaces of this machine.
     *
     * @return bytes
     */
    public long committed() {
        return host.committed();
    }

    /**
     * Waits until everything that threads of this machine had to do is done: backings closed of which the last use has
     * ended, asynchronous operations completed, changes delivered. What is still kept or in transit is not waited for.
     *
     * @throws InterruptedException if the thread is interrupted meanwhile
     * @throws IllegalStateException if it is called by a thread of the machine, which would wait for itself
     */
    public void awaitQuiescence() throws InterruptedException {
        host.background().awaitQuiescence();
    }

    /**
     * Where each keep that has not been released was taken.
     *
     * @return one stack per keep, in no order
     * @throws IllegalStateException if the machine does not {@linkplain Builder#trackKeeps track keeps}
     */
    public List<Throwable> outstandingKeeps() {
        if (keepLog == null) {
            throw new IllegalStateException("this machine was not told to track keeps");
        }
        return keepLog.outstanding();
    }

    /** The description of a machine before it is built. For one thread. */
    public static final class Builder {
        private int maxMapCount = 65530;
        private long stackGuardGap = 256;
        private long commitLimit = Host.UNLIMITED;
        private Duration longWait = Duration.ofSeconds(10);
        private boolean trackKeeps;
        private Consumer<? super Report> reporter = Machine::log;
        private Retirement retirement = Retirement.NOTHING;
        private Supplier<ReentrantLock> locks = ReentrantLock::new;

        private Builder() {}

        /**
         * Limits the number of mappings of a space ({@code vm.max_map_count}); as on Linux it is a soft bound that some
         * calls may pass by one.
         *
         * @param maps the limit, positive; 65530 unless set
         * @return this
         */
        public Builder maxMapCount(int maps) {
            if (maps <= 0) {
                throw new IllegalArgumentException("maxMapCount " + maps + " is not positive");
            }
            maxMapCount = maps;
            return this;
        }

        /**
         * Sets the gap below a stack that nothing is placed in ({@code stack_guard_gap}).
         *
         * @param pages the gap, 0 to 2^20; 256 unless set
         * @return this
         */
        public Builder stackGuardGap(long pages) {
            if (pages < 0 || pages > 1 << 20) {
                throw new IllegalArgumentException("stackGuardGap " + pages + " is not in 0..2^20");
            }
            stackGuardGap = pages;
            return this;
        }

        /**
         * Limits the memory that all spaces together may be promised, as {@code vm.overcommit_memory=2} does; then
         * NORESERVE has no effect. Without a limit nothing is refused for want of memory.
         *
         * @param bytes the limit, not negative
         * @return this
         */
        public Builder commitLimit(long bytes) {
            if (bytes < 0) {
                throw new IllegalArgumentException("commitLimit " + bytes + " is negative");
            }
            commitLimit = bytes;
            return this;
        }

        /**
         * Sets after what time a wait for a range in transit is reported. The wait goes on.
         *
         * @param time positive; 10 seconds unless set
         * @return this
         * @throws IllegalArgumentException if it is not positive
         */
        public Builder reportWaitsLongerThan(Duration time) {
            if (time.isZero() || time.isNegative()) {
                throw new IllegalArgumentException("time " + time + " is not positive");
            }
            longWait = time;
            return this;
        }

        /**
         * Says who is told what no caller can be told. Called by the thread that has noticed, without any lock; what it
         * throws goes to that thread's uncaught exception handler.
         *
         * @param reporter whom; unless set, reports go to the system logger {@code dev.samara.core}
         * @return this
         */
        public Builder reportTo(Consumer<? super Report> reporter) {
            this.reporter = reporter;
            return this;
        }

        /**
         * Notes for each keep the stack that took it, and shows it in {@link #outstandingKeeps} and when a keep is
         * released twice. This makes a keep many times as expensive.
         *
         * @return this
         */
        public Builder trackKeeps() {
            trackKeeps = true;
            return this;
        }

        /** What is done to pages that are taken away. */
        Builder retirement(Retirement retirement) {
            this.retirement = retirement;
            return this;
        }

        private static long saturatedNanos(Duration time) {
            return time.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? time.toNanos() : Long.MAX_VALUE;
        }

        /** What makes the layout locks. */
        Builder locks(Supplier<ReentrantLock> locks) {
            this.locks = locks;
            return this;
        }

        /**
         * Builds the machine.
         *
         * @return a new machine
         */
        public Machine build() {
            Host.Settings settings = new Host.Settings(
                    maxMapCount, stackGuardGap, commitLimit, saturatedNanos(longWait), reporter, retirement, locks);
            return new Machine(new Host(settings), trackKeeps ? new KeepLog() : null);
        }
    }
}
