// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A call to be made, with its arguments and environment. All are valid initially; a row of a table invalidates some of
 * them.
 */
abstract class CallArguments {
    static final long PAGE = 4096;

    /** The address of mappings, far from where placement starts. */
    static final long PLACE = 0x1000_0000L;

    static final long LIMIT = Geometry.LINUX_X86_64.limit();

    static final int RW = Mman.READ | Mman.WRITE;

    static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;

    final MachineBuilder machine = Machine.builder();
    final List<Vma> loaded = new ArrayList<>();
    private final List<Consumer<AddressSpaceBuilder>> settings = new ArrayList<>();
    private final List<Consumer<AddressSpace>> before = new ArrayList<>();
    private final Map<Resource, Long> limits = new EnumMap<>(Resource.class);

    /** Whether a failure may leave a VMA split at an edge of the range. */
    boolean mayCut;

    abstract long call(AddressSpace space);

    /** Adds a setting of the space's builder. */
    final void set(Consumer<AddressSpaceBuilder> setting) {
        settings.add(setting);
    }

    final void grant(Capability capability) {
        set(space -> space.grant(capability));
    }

    /** Adds a step before the call. */
    final void before(Consumer<AddressSpace> step) {
        before.add(step);
    }

    /** Sets a limit just before the call. */
    final void limit(Resource resource, long bytes) {
        limits.put(resource, bytes);
    }

    /** Maps private anonymous memory before the call. */
    final void map(long address, long pages, int protection) {
        before(space -> space.throwing().mmap(address, pages * PAGE, protection, ANON | Mman.FIXED, null, 0));
    }

    final void map(long address, long pages) {
        map(address, pages, RW);
    }

    final void seal(long address, long pages) {
        before(space -> space.throwing().mseal(address, pages * PAGE, 0));
    }

    final AddressSpace space() {
        AddressSpaceBuilder builder = machine.build().space(Geometry.LINUX_X86_64);
        settings.forEach(setting -> setting.accept(builder));
        AddressSpace space = builder.load(loaded).build();
        before.forEach(step -> step.accept(space));
        limits.forEach(space::setLimit);
        return space;
    }
}
