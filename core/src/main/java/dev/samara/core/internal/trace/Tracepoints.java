// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.FlightRecorderListener;
import jdk.jfr.Label;
import jdk.jfr.MemoryAddress;
import jdk.jfr.Name;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import jdk.jfr.Timespan;
import jdk.jfr.Timestamp;
import org.jspecify.annotations.Nullable;

/**
 * Records events of the flight recorder. Every method may be called on any thread, even if the JVM has no flight
 * recorder. If there is too little memory or stack for an event, the event is lost, and the call returns normally. If
 * possible, a caller holds no lock that other threads wait for.
 *
 * <p>While nothing is recorded, the methods that begin an event return null, and allocate nothing. They test a constant
 * and, if the module {@code jdk.jfr} is present, a flag of the JDK. The event classes are loaded only after the flight
 * recorder has been started. Otherwise the first one to be loaded would start it, which takes a tenth of a second.
 *
 * <p>An event's commit ends the event, and drops it if it is shorter than the threshold. Only the methods that make
 * texts check the threshold first.
 *
 * <p>Each event is a nested class, directly in front of the methods that record it.
 */
public final class Tracepoints {
    /**
     * Whether the JVM has the flight recorder, which is a module of its own. The JIT compiler eliminates code that this
     * constant excludes.
     */
    public static final boolean IS_PRESENT = isPresent();

    /** A step of a fault that may wait. */
    public static final int FAULT = 0;

    /** A shootdown. */
    public static final int SHOOTDOWN = 1;

    /** A wait for the lock of a layout. */
    public static final int LOCK_WAIT = 2;

    /** A grace period that must wait for readers. */
    public static final int GRACE_PERIOD = 3;

    /** An attempt to free frames or page tables. */
    public static final int RECLAIM = 4;

    /** The teardown of a space. */
    public static final int TEARDOWN = 5;

    /** A wait for an operation, begun by {@link #beginWait}. */
    private static final int WAIT = 6;

    /** A reap, begun by {@link #beginReap}. */
    private static final int REAP = 7;

    private Tracepoints() {}

    /**
     * An event with a duration, from its start to its end. Created only while a recording enables events of its kind.
     * Used by one thread at a time, which passes it back to {@link Tracepoints}. An event that is never ended is not
     * recorded.
     */
    public interface BegunEvent {}

    /**
     * The open spaces of a machine. While a recording enables the event {@code Mappings}, the mappings of each space
     * are counted for one event per space.
     */
    public interface CountedSpaces {
        /**
         * Passes the counts of each space that has users to {@link #mappings}. Called on a thread of the flight
         * recorder. Takes no lock, and never waits.
         *
         * @param sample passed on unchanged
         */
        void countMappings(long sample);
    }

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

    /**
     * Begins an event with a duration. Returns null if the event is not recorded. Allocates nothing unless a recording
     * enables events of this kind.
     *
     * @param kind {@link #FAULT}, {@link #SHOOTDOWN}, {@link #LOCK_WAIT}, {@link #GRACE_PERIOD}, {@link #RECLAIM} or
     *     {@link #TEARDOWN}
     */
    public static @Nullable BegunEvent begin(int kind) {
        if (isOn()) {
            try {
                // A variable of the interface's type, assigned in each case. The value of a switch may have the type of
                // a
                // class for the compiler, and then the verification of this method would load the event classes.
                BegunEvent begun;
                switch (kind) {
                    case FAULT -> begun = FaultEvent.ANY.isEnabled() ? new FaultEvent() : null;
                    case SHOOTDOWN -> begun = ShootdownEvent.ANY.isEnabled() ? new ShootdownEvent() : null;
                    case WAIT -> begun = WaitEvent.ANY.isEnabled() ? new WaitEvent() : null;
                    case LOCK_WAIT -> begun = LockWaitEvent.ANY.isEnabled() ? new LockWaitEvent() : null;
                    case GRACE_PERIOD -> begun = GracePeriodEvent.ANY.isEnabled() ? new GracePeriodEvent() : null;
                    case REAP -> begun = ReapEvent.ANY.isEnabled() ? new ReapEvent() : null;
                    case RECLAIM -> begun = ReclaimEvent.ANY.isEnabled() ? new ReclaimEvent() : null;
                    default -> begun = SpaceEndEvent.ANY.isEnabled() ? new SpaceEndEvent() : null;
                }
                if (begun != null) {
                    ((Event) begun).begin();
                }
                return begun;
            } catch (Throwable lost) {
                return null;
            }
        }
        return null;
    }

    /** What all events have in common. */
    @Category("Samara")
    abstract static class SamaraEvent extends Event {}

    abstract static class SpaceEvent extends SamaraEvent {
        @Label("Space")
        @Description("The number of the space on its machine")
        long space;
    }

    abstract static class ContextEvent extends SpaceEvent {
        @Label("Context")
        @Description("The number of the TLB context of the space, which no other space of the JVM ever has")
        long context;
    }

    @Name("dev.samara.Fault")
    @Label("Slow Page Fault")
    @Description("A step of a page fault that had to wait, or to request a page from a backing")
    @Threshold("10 ms")
    static final class FaultEvent extends SpaceEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final FaultEvent ANY = new FaultEvent();

        @MemoryAddress
        @Label("Address")
        long address;

        @Label("Access")
        @Nullable
        String access;

        @Label("Cause")
        @Description("The event for which the fault had to wait")
        @Nullable
        String cause;

        @Label("Result")
        @Description("The result of the step; NONE if the fault continued")
        @Nullable
        String result;

        @Label("Major")
        @Description("Whether a backing had to fetch data")
        boolean major;
    }

    /**
     * Ends a fault step's event.
     *
     * @param begun the result of {@link #begin}; if it is null, nothing is recorded
     * @param space the number of the space
     * @param access {@code PROT_*} bits of {@link Mman}
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
                    event.access =
                            (access & Mman.WRITE) != 0 ? "write" : (access & Mman.EXEC) != 0 ? "execute" : "read";
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

    @Name("dev.samara.Shootdown")
    @Label("TLB Shootdown")
    @Description("A wait until CPUs of other threads dropped translations")
    @Threshold("10 ms")
    static final class ShootdownEvent extends ContextEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final ShootdownEvent ANY = new ShootdownEvent();

        @Label("Generation")
        long generation;

        @Label("Targets")
        @Description("The number of CPUs that the shootdown waited for")
        int targets;

        @Label("Polled")
        @Description("Whether a waiting call polled for it, and no thread waited")
        boolean polled;
    }

    /**
     * Ends the event of a shootdown.
     *
     * @param begun the result of {@link #begin}; if it is null, nothing is recorded
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
                event.space = space;
                event.context = context;
                event.generation = generation;
                event.targets = targets;
                event.polled = isPolled;
                event.commit();
            } catch (Throwable lost) {
                return;
            }
        }
    }

    @Name("dev.samara.Wait")
    @Label("Wait for an Operation")
    @Description(
            "A call or a fault that waited for an operation, for a fork that copies, or for the owner of a busy entry")
    @Threshold("10 ms")
    static final class WaitEvent extends SamaraEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final WaitEvent ANY = new WaitEvent();

        @Label("Operation")
        @Description("The call that waited")
        @Nullable
        String operation;

        @Label("Awaited")
        @Description("What it waited for, when the wait began")
        @Nullable
        String awaited;

        @Label("Interrupted")
        @Description("Whether an interrupt ended the wait")
        boolean interrupted;
    }

    /**
     * Begins the event of a wait for an operation. Returns null if the event is not recorded.
     *
     * @param awaited what the thread waits for; its text is taken now, because it may change later
     */
    public static @Nullable BegunEvent beginWait(Object awaited) {
        BegunEvent begun = begin(WAIT);
        if (begun != null) {
            try {
                ((WaitEvent) begun).awaited = awaited.toString();
            } catch (Throwable lost) {
                return null;
            }
        }
        return begun;
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

    @Name("dev.samara.LockWait")
    @Label("Wait for a Layout Lock")
    @Description("A call that waited for the lock of a layout, or of a part of it")
    @Threshold("10 ms")
    static final class LockWaitEvent extends SpaceEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final LockWaitEvent ANY = new LockWaitEvent();

        @Label("Parked")
        @Description("Whether the thread parked; otherwise it only spun")
        boolean parked;
    }

    /**
     * Sets the end of a wait for the lock of a layout. Called by the holder of the lock; the event is recorded after
     * the hold.
     *
     * @param begun the result of {@link #begin}
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
            ((LockWaitEvent) over).commit();
        } catch (Throwable lost) {
            return;
        }
    }

    @Name("dev.samara.GracePeriod")
    @Label("Grace Period")
    @Description("A grace period that had to wait for reader sections")
    @Threshold("10 ms")
    static final class GracePeriodEvent extends SamaraEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final GracePeriodEvent ANY = new GracePeriodEvent();

        @Label("Readers")
        @Description("The number of readers in a section when it began")
        int readers;

        @Label("Last Reader")
        @Description("The last reader that it waited for")
        @Nullable
        String last;

        @Label("Polled")
        @Description("Whether a waiting call polled for it, and no thread waited")
        boolean polled;
    }

    /**
     * Ends the event of a grace period.
     *
     * @param begun the result of {@link #begin}; if it is null, nothing is recorded
     * @param readers the number of readers that were in a section
     * @param last the name of the last reader that it waited for
     * @param isPolled whether no thread waited
     */
    public static void endGracePeriod(
            @Nullable BegunEvent begun, int readers, @Nullable String last, boolean isPolled) {
        if (begun != null) {
            try {
                GracePeriodEvent event = (GracePeriodEvent) begun;
                event.readers = readers;
                event.last = last;
                event.polled = isPolled;
                event.commit();
            } catch (Throwable lost) {
                return;
            }
        }
    }

    @Name("dev.samara.Reap")
    @Label("Reap")
    @Description("A reap, which removes private pages of a space")
    static final class ReapEvent extends SpaceEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final ReapEvent ANY = new ReapEvent();

        @Label("Pages Before")
        @Description("The private pages of the space before")
        long pagesBefore;

        @Label("Pages After")
        @Description("The private pages of the space afterwards")
        long pagesAfter;

        @Label("Incomplete Passes")
        int passes;

        @Label("Complete")
        @Description("Whether all private pages that can be removed were removed")
        boolean complete;

        @Label("Cause")
        @Nullable
        String cause;
    }

    /**
     * Begins the event of a reap. Returns null if the event is not recorded.
     *
     * @param space the number of the space
     * @param pages its private pages
     * @param cause the reason for the reap
     */
    public static @Nullable BegunEvent beginReap(long space, long pages, String cause) {
        BegunEvent begun = begin(REAP);
        if (begun != null) {
            try {
                ReapEvent event = (ReapEvent) begun;
                event.space = space;
                event.pagesBefore = pages;
                event.cause = cause;
            } catch (Throwable lost) {
                return null;
            }
        }
        return begun;
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
                event.pagesAfter = pages;
                event.passes = passes;
                event.complete = isComplete;
                event.commit();
            } catch (Throwable lost) {
                return;
            }
        }
    }

    @Name("dev.samara.Reclaim")
    @Label("Reclaim")
    @Description("An attempt to free frames or page tables")
    @Threshold("10 ms")
    static final class ReclaimEvent extends SamaraEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final ReclaimEvent ANY = new ReclaimEvent();

        @Label("Kind")
        @Nullable
        String kind;

        @Label("Freed")
        @Description("The number of frames that were freed; for page tables 1 if there is room, else 0")
        int freed;

        @Label("Busy")
        @Description("Whether other threads were changing the files")
        boolean busy;
    }

    /**
     * Ends the event of a reclaim.
     *
     * @param begun the result of {@link #begin}; if it is null, nothing is recorded
     * @param kind the kind of memory
     * @param freed the number of frames that were freed
     * @param isBusy whether other threads were changing the files
     */
    public static void endReclaim(@Nullable BegunEvent begun, String kind, int freed, boolean isBusy) {
        if (begun != null) {
            try {
                ReclaimEvent event = (ReclaimEvent) begun;
                event.kind = kind;
                event.freed = freed;
                event.busy = isBusy;
                event.commit();
            } catch (Throwable lost) {
                return;
            }
        }
    }

    @Name("dev.samara.StalledCpu")
    @Label("Stalled CPU")
    @Description("A CPU that did not acknowledge a shootdown for too long; recorded repeatedly while this lasts")
    static final class StalledCpuEvent extends ContextEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final StalledCpuEvent ANY = new StalledCpuEvent();

        @Label("CPU")
        int cpu;

        @Label("Owner")
        @Description("The thread of the CPU")
        @Nullable
        Thread owner;

        @Label("At")
        @Description("The topmost frame of that thread")
        @Nullable
        String at;

        @Label("State")
        @Nullable
        String state;

        @Label("Generation")
        long generation;

        @Timespan(Timespan.NANOSECONDS)
        @Label("Waited")
        long waited;
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
                if (StalledCpuEvent.ANY.isEnabled()) {
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

    @Name("dev.samara.SpaceBegin")
    @Label("Space Begun")
    @Description("A new space")
    static final class SpaceBeginEvent extends SpaceEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final SpaceBeginEvent ANY = new SpaceBeginEvent();

        @Label("Context")
        @Description("The number of its TLB context, which no other space of the JVM ever has; 0 without memory")
        long context;

        @Label("Name")
        @Nullable
        String name;

        @DataAmount
        @Label("Page Size")
        long pageSize;
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
                if (SpaceBeginEvent.ANY.isEnabled()) {
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

    @Name("dev.samara.Mappings")
    @Label("Mappings")
    @Description("The mappings of a space and its pages in memory, recorded periodically")
    @Period("10 s")
    @StackTrace(false)
    static final class MappingsEvent extends ContextEvent {
        @Label("Mappings")
        long mappings;

        @Label("Pages")
        @Description("The pages in memory")
        long pages;

        @Timestamp(Timestamp.MILLISECONDS_SINCE_EPOCH)
        @Label("Sample")
        @Description("When the count of all spaces started; the same value for all spaces")
        long sample;
    }

    /**
     * Counts the mappings of all spaces of all machines while a recording enables {@link MappingsEvent}, in the period
     * that the recording sets. Starts when the flight recorder is started, and keeps no machine reachable.
     */
    private static final class MappingsSampler implements FlightRecorderListener {
        private static final ReferenceQueue<CountedSpaces> COLLECTED = new ReferenceQueue<>();
        private static final Set<Reference<CountedSpaces>> MACHINES = ConcurrentHashMap.newKeySet();

        private MappingsSampler() {}

        /** Starts now if the flight recorder is already started, and otherwise later. Called once. */
        static void install() {
            FlightRecorder.addListener(new MappingsSampler());
        }

        @Override
        public void recorderInitialized(FlightRecorder recorder) {
            FlightRecorder.addPeriodicEvent(MappingsEvent.class, MappingsSampler::count);
        }

        static void add(CountedSpaces machine) {
            for (Reference<?> gone = COLLECTED.poll(); gone != null; gone = COLLECTED.poll()) {
                MACHINES.remove(gone);
            }
            MACHINES.add(new WeakReference<>(machine, COLLECTED));
        }

        private static void count() {
            try {
                long sample = System.currentTimeMillis();
                for (Reference<CountedSpaces> machine : MACHINES) {
                    CountedSpaces spaces = machine.get();
                    if (spaces != null) {
                        spaces.countMappings(sample);
                    }
                }
            } catch (Throwable lost) {
                // There is no memory for the rest of this sample.
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

    @Name("dev.samara.SpaceEnd")
    @Label("Space Ended")
    @Description("The teardown of a space")
    static final class SpaceEndEvent extends SpaceEvent implements BegunEvent {
        /** Used only to find out, without allocation, whether a recording enables events of this type. */
        private static final SpaceEndEvent ANY = new SpaceEndEvent();

        @Label("Name")
        @Nullable
        String name;
    }

    /**
     * Ends the event of a space's teardown.
     *
     * @param begun the result of {@link #begin}; if it is null, nothing is recorded
     * @param space the number of the space
     * @param name the name that the embedder gave the space; null if there is none
     */
    public static void endTeardown(@Nullable BegunEvent begun, long space, @Nullable String name) {
        if (begun != null) {
            try {
                SpaceEndEvent event = (SpaceEndEvent) begun;
                event.space = space;
                event.name = name;
                event.commit();
            } catch (Throwable lost) {
                return;
            }
        }
    }
}
