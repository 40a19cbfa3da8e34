// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * Records events of the flight recorder. Every method may be called on any thread, even if the JVM has no flight
 * recorder. If there is too little memory or stack for an event, the event is lost, and the call returns normally. If
 * possible, a caller holds no lock that other threads wait for.
 *
 * <p>While nothing is recorded, the methods that begin an event return null, and allocate nothing. They test a constant
 * and, if the module {@code jdk.jfr} is present, a flag of the JDK. The event classes are loaded only after the flight
 * recorder has been started. Otherwise the first one to be loaded would start it, which takes a tenth of a second.
 */
public final class Tracepoints {
    /**
     * Whether the JVM has the flight recorder, which is a module of its own. The JIT compiler eliminates code that this
     * constant excludes.
     */
    public static final boolean IS_PRESENT = isPresent();

    private Tracepoints() {}

    private static boolean isPresent() {
        try {
            // If the module is present but not readable, the next calls throw.
            Class.forName("jdk.jfr.Event", false, Tracepoints.class.getClassLoader());
            isStarted();
            MappingsSampler.install();
            return true;
        } catch (Throwable absent) {
            return false;
        }
    }

    private static boolean isStarted() {
        return FlightRecorder.isInitialized();
    }

    private static boolean isOn() {
        return IS_PRESENT && isStarted();
    }

    /** Begins the event of a step of a fault that may wait. Returns null if the event is not recorded. */
    public static @Nullable BegunEvent beginFault() {
        if (isOn()) {
            try {
                return FaultEvent.beginIfRecorded();
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends a fault step's event.
     *
     * @param begun the result of {@link #beginFault}; if it is null, nothing is recorded
     * @param space the number of the space
     * @param access bits of {@link Protection}
     * @param cause the reason why the step was needed
     * @param result a {@link Fault}, or a negative number if the fault continues
     * @param isMajor whether a backing had to fetch data
     */
    public static void endFault(
            @Nullable BegunEvent begun,
            long space,
            long address,
            int access,
            String cause,
            int result,
            boolean isMajor) {
        if (begun != null) {
            try {
                FaultEvent event = (FaultEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.space = space;
                    event.address = address;
                    event.access = (access & Protection.WRITE) != 0
                            ? "write"
                            : (access & Protection.EXEC) != 0 ? "execute" : "read";
                    event.cause = cause;
                    event.result = Fault.toString(Math.max(result, Fault.NONE));
                    event.major = isMajor;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /** Begins the event of a shootdown. Returns null if the event is not recorded. */
    public static @Nullable BegunEvent beginShootdown() {
        if (isOn()) {
            try {
                return ShootdownEvent.beginIfRecorded();
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends the event of a shootdown.
     *
     * @param begun the result of {@link #beginShootdown}; if it is null, nothing is recorded
     * @param space the number of the space
     * @param context the number of its TLB context
     * @param targets the number of CPUs that received a request
     * @param isPolled whether no thread waited
     */
    public static void endShootdown(
            @Nullable BegunEvent begun, long space, long context, long generation, int targets, boolean isPolled) {
        if (begun != null) {
            try {
                ShootdownEvent event = (ShootdownEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.space = space;
                    event.context = context;
                    event.generation = generation;
                    event.targets = targets;
                    event.polled = isPolled;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /**
     * Begins the event of a wait for an operation. Returns null if the event is not recorded.
     *
     * @param awaited what the thread waits for; its text is taken now, because it may change later
     */
    public static @Nullable BegunEvent beginWait(Object awaited) {
        if (isOn()) {
            try {
                WaitEvent event = WaitEvent.beginIfRecorded();
                if (event != null) {
                    event.awaited = awaited.toString();
                }
                return event;
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends the event of a wait for an operation.
     *
     * @param begun the result of {@link #beginWait}; if it is null, nothing is recorded
     * @param operation the call that waited; its text is recorded
     * @param isInterrupted whether an interrupt ended the wait
     */
    public static void endWait(@Nullable BegunEvent begun, Object operation, boolean isInterrupted) {
        if (begun != null) {
            try {
                WaitEvent event = (WaitEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.operation = operation.toString();
                    event.interrupted = isInterrupted;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /** Begins the event of a wait for the lock of a layout. Returns null if the event is not recorded. */
    public static @Nullable BegunEvent beginLockWait() {
        if (isOn()) {
            try {
                return LockWaitEvent.beginIfRecorded();
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Sets the end of a wait for the lock of a layout. Called by the holder of the lock; the event is recorded after
     * the hold.
     *
     * @param begun the result of {@link #beginLockWait}
     * @param space the number of the space; 0 if it has none yet
     * @param hasParked whether the thread parked
     */
    public static void lockWaitOver(BegunEvent begun, long space, boolean hasParked) {
        try {
            LockWaitEvent event = (LockWaitEvent) begun;
            event.end();
            event.space = space;
            event.parked = hasParked;
        } catch (Throwable lost) {
            return;
        }
    }

    /** Records the event of a wait for the lock of a layout. The caller has already released the lock. */
    public static void endLockWait(BegunEvent over) {
        try {
            LockWaitEvent event = (LockWaitEvent) over;
            if (event.shouldCommit()) {
                event.commit();
            }
        } catch (Throwable lost) {
            return;
        }
    }

    /** Begins the event of a grace period that must wait for readers. Returns null if the event is not recorded. */
    public static @Nullable BegunEvent beginGracePeriod() {
        if (isOn()) {
            try {
                return GracePeriodEvent.beginIfRecorded();
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends the event of a grace period.
     *
     * @param begun the result of {@link #beginGracePeriod}; if it is null, nothing is recorded
     * @param readers the number of readers that were in a section
     * @param last the name of the last reader that it waited for
     * @param isPolled whether no thread waited
     */
    public static void endGracePeriod(
            @Nullable BegunEvent begun, int readers, @Nullable String last, boolean isPolled) {
        if (begun != null) {
            try {
                GracePeriodEvent event = (GracePeriodEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.readers = readers;
                    event.last = last;
                    event.polled = isPolled;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /**
     * Begins the event of a reap. Returns null if the event is not recorded.
     *
     * @param space the number of the space
     * @param pages its private pages
     * @param cause the reason for the reap
     */
    public static @Nullable BegunEvent beginReap(long space, long pages, String cause) {
        if (isOn()) {
            try {
                ReapEvent event = ReapEvent.beginIfRecorded();
                if (event != null) {
                    event.space = space;
                    event.pagesBefore = pages;
                    event.cause = cause;
                }
                return event;
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends the event of a reap.
     *
     * @param begun the result of {@link #beginReap}; if it is null, nothing is recorded
     * @param pages the private pages of the space
     * @param passes the number of incomplete passes
     * @param isComplete whether all pages that could be taken were taken
     */
    public static void endReap(@Nullable BegunEvent begun, long pages, int passes, boolean isComplete) {
        if (begun != null) {
            try {
                ReapEvent event = (ReapEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.pagesAfter = pages;
                    event.passes = passes;
                    event.complete = isComplete;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /** Begins the event of a reclaim. Returns null if the event is not recorded. */
    public static @Nullable BegunEvent beginReclaim() {
        if (isOn()) {
            try {
                return ReclaimEvent.beginIfRecorded();
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends the event of a reclaim.
     *
     * @param begun the result of {@link #beginReclaim}; if it is null, nothing is recorded
     * @param kind the kind of memory
     * @param freed the number of frames that were freed
     * @param isBusy whether other threads were changing the files
     */
    public static void endReclaim(@Nullable BegunEvent begun, String kind, int freed, boolean isBusy) {
        if (begun != null) {
            try {
                ReclaimEvent event = (ReclaimEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.kind = kind;
                    event.freed = freed;
                    event.busy = isBusy;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /**
     * Records a CPU that has not yet acknowledged a shootdown.
     *
     * @param cpu the number of the CPU
     * @param owner its thread
     * @param at the topmost frame of that thread; null if the thread has none
     * @param state the state of the CPU; its text is recorded
     * @param space the number of the space
     * @param context the number of its TLB context
     * @param waited how long the wait has lasted so far, in nanoseconds
     */
    public static void stalledCpu(
            int cpu,
            Thread owner,
            @Nullable Object at,
            Object state,
            long space,
            long context,
            long generation,
            long waited) {
        if (isOn()) {
            try {
                if (StalledCpuEvent.isRecorded()) {
                    StalledCpuEvent event = new StalledCpuEvent();
                    event.cpu = cpu;
                    event.owner = owner;
                    event.at = at == null ? null : at.toString();
                    event.state = state.toString();
                    event.space = space;
                    event.context = context;
                    event.generation = generation;
                    event.waited = waited;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /**
     * Records a new space.
     *
     * @param space the number of the space
     * @param context the number of its TLB context; 0 for a space without memory
     * @param name the name that the embedder gave the space; null if there is none
     * @param pageSize the page size in bytes
     */
    public static void spaceBegun(long space, long context, @Nullable String name, long pageSize) {
        if (isOn()) {
            try {
                if (SpaceBeginEvent.isRecorded()) {
                    SpaceBeginEvent event = new SpaceBeginEvent();
                    event.space = space;
                    event.context = context;
                    event.name = name;
                    event.pageSize = pageSize;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /**
     * Enables counts of the mappings of a machine's spaces while a recording enables their event. Refers to the machine
     * only weakly.
     *
     * @param machine the machine's spaces
     */
    public static void countMappingsOf(CountedSpaces machine) {
        if (IS_PRESENT) {
            MappingsSampler.add(machine);
        }
    }

    /**
     * Records the number of mappings of a space. Called by {@link CountedSpaces}.
     *
     * @param sample the argument of {@link CountedSpaces#countMappings}
     * @param space the number of the space
     * @param context the number of its TLB context; 0 for a space without memory
     * @param mappings the number of its mappings
     * @param pages the number of its pages in memory
     */
    public static void mappings(long sample, long space, long context, long mappings, long pages) {
        if (isOn()) {
            try {
                MappingsEvent event = new MappingsEvent();
                event.sample = sample;
                event.space = space;
                event.context = context;
                event.mappings = mappings;
                event.pages = pages;
                event.commit();
            } catch (Throwable lost) {
                return;
            }
        }
    }

    /** Begins the event of a space's teardown. Returns null if the event is not recorded. */
    public static @Nullable BegunEvent beginTeardown() {
        if (isOn()) {
            try {
                return SpaceEndEvent.beginIfRecorded();
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /**
     * Ends the event of a space's teardown.
     *
     * @param begun the result of {@link #beginTeardown}; if it is null, nothing is recorded
     * @param space the number of the space
     * @param name the name that the embedder gave the space; null if there is none
     */
    public static void endTeardown(@Nullable BegunEvent begun, long space, @Nullable String name) {
        if (begun != null) {
            try {
                SpaceEndEvent event = (SpaceEndEvent) begun;
                event.end();
                if (event.shouldCommit()) {
                    event.space = space;
                    event.name = name;
                    event.commit();
                }
            } catch (Throwable lost) {
                return;
            }
        }
    }
}
