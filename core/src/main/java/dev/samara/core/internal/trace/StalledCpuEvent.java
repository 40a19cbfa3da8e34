// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.StalledCpu")
@Label("Stalled CPU")
@Description("A CPU that did not acknowledge a shootdown for too long; recorded repeatedly while this lasts")
@Category("Samara")
final class StalledCpuEvent extends Event {
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

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Context")
    @Description("The number of the TLB context of the space, which no other space of the JVM ever has")
    long context;

    @Label("Generation")
    long generation;

    @Timespan(Timespan.NANOSECONDS)
    @Label("Waited")
    long waited;

    static boolean isRecorded() {
        return ANY.isEnabled();
    }
}
