// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import jdk.jfr.FlightRecorder;
import jdk.jfr.FlightRecorderListener;

/**
 * Counts the mappings of all spaces of all machines while a recording enables {@link MappingsEvent}, in the period that
 * the recording sets. Starts when the flight recorder is started, and keeps no machine reachable.
 */
final class MappingsSampler implements FlightRecorderListener {
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
