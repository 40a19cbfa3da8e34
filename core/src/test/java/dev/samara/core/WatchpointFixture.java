// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.event.WriteListener;
import dev.samara.core.guest.GuestMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;

/** A space with one CPU, and a list of the calls of write listeners. */
abstract class WatchpointFixture {
    final SpaceFixture fixture = new SpaceFixture();
    final Cpu cpu = fixture.cpu;
    final GuestMemory memory = cpu.memory();
    final AddressSpace space = fixture.space;
    final long at = fixture.anonymous(8);

    /** The calls of listeners, with the distance from {@code at}. */
    final List<String> told = Collections.synchronizedList(new ArrayList<>());

    @AfterEach
    void everyFrameComesBack() {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    WriteListener as(String name) {
        return (address, length) -> told.add(name + " " + (address - at) + " " + length);
    }

    void assertTold(String... expected) {
        assertEquals(List.of(expected), List.copyOf(told));
        told.clear();
    }
}
