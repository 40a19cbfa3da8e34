// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.GuestMemory;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;

/** A space with one CPU, and a list of the write listeners' calls. */
public abstract class WatchpointFixture {
    protected final SpaceFixture fixture = new SpaceFixture();
    protected final Cpu cpu = fixture.cpu;
    protected final GuestMemory memory = cpu.memory();
    protected final AddressSpace space = fixture.space;
    protected final long at = fixture.anonymous(8);

    /** The listeners' calls, with the offset from {@code at}. */
    protected final List<String> told = new CopyOnWriteArrayList<>();

    @AfterEach
    public void everyFrameComesBack() {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    protected WriteListener as(String name) {
        return (address, length) -> told.add(name + " " + (address - at) + " " + length);
    }

    protected void assertTold(String... expected) {
        assertEquals(List.of(expected), List.copyOf(told));
        told.clear();
    }
}
