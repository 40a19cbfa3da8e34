// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.FlightRecording;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.io.IOException;
import java.util.Set;
import java.util.TreeSet;
import jdk.jfr.Event;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that the settings file contains each event, and that events that nobody records cost nothing. */
final class SettingsFileTest {
    private static Set<EventType> types() {
        Set<EventType> types = new TreeSet<>((one, other) -> one.getName().compareTo(other.getName()));
        for (JavaClass each : new ClassFileImporter().importPackages(Tracepoints.class.getPackageName())) {
            if (each.isAssignableTo(Event.class) && !each.getModifiers().contains(JavaModifier.ABSTRACT)) {
                Class<? extends Event> type = each.reflect().asSubclass(Event.class);
                FlightRecorder.register(type);
                types.add(EventType.getEventType(type));
            }
        }
        return types;
    }

    @Test
    @DisplayName("the settings file enables each event, and gives each one that lasts a threshold, or a period")
    void settings() {
        Set<String> expected = new TreeSet<>();
        for (EventType type : types()) {
            expected.add(type.getName() + "#enabled");
            if (type.getName().equals("dev.samara.Mappings")) {
                expected.add(type.getName() + "#period");
                continue;
            }
            expected.add(type.getName() + "#stackTrace");
            if (!Set.of("dev.samara.SpaceBegin", "dev.samara.StalledCpu").contains(type.getName())) {
                expected.add(type.getName() + "#threshold");
            }
        }
        assertEquals(expected, new TreeSet<>(FlightRecording.settings().keySet()));
        FlightRecording.settings().forEach((name, value) -> {
            if (name.endsWith("#enabled")) {
                assertEquals("true", value, name);
            }
        });
    }

    /** Calls each method that starts an event; returns how many events were started. */
    private static int begunEvents() {
        int begun = 0;
        begun += one(Tracepoints.begin(Tracepoints.FAULT));
        begun += one(Tracepoints.begin(Tracepoints.SHOOTDOWN));
        begun += one(Tracepoints.beginWait(""));
        begun += one(Tracepoints.begin(Tracepoints.LOCK_WAIT));
        begun += one(Tracepoints.begin(Tracepoints.GRACE_PERIOD));
        begun += one(Tracepoints.beginReap(1, 1, ""));
        begun += one(Tracepoints.begin(Tracepoints.RECLAIM));
        begun += one(Tracepoints.begin(Tracepoints.TEARDOWN));
        Tracepoints.spaceBegun(1, 1, null, 1);
        Tracepoints.stalledCpu(1, Thread.currentThread(), "", "", 1, 1, 1, 1);
        return begun;
    }

    private static int one(@Nullable BegunEvent begun) {
        return begun == null ? 0 : 1;
    }

    @Test
    @DisplayName("an event that no recording has allocates nothing, also while the flight recorder runs")
    void offIsFree() throws IOException {
        AllocatedBytes.assertNone(call -> assertEquals(0, begunEvents()));
        try (Recording other = new Recording()) {
            other.start();
            FlightRecording.settings().keySet().forEach(name -> other.disable(name.replaceAll("#.*", "")));
            AllocatedBytes.assertNone(call -> assertEquals(0, begunEvents()));
        }
        try (FlightRecording all = new FlightRecording()) {
            assertEquals(8, begunEvents());
            assertEquals(1, all.events("StalledCpu").size());
        }
    }
}
