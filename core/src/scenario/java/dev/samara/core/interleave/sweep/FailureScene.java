// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Registration;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.HeapFrames;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.StandStill;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.interleave.failure.FailurePoints;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** The objects of a {@link FailureScenario}'s operations: eight pages of a ground, and in some cases a device. */
final class FailureScene {
    /** The address of the device's pages. */
    static final long DEVICE = SpaceScenario.AT + 32 * SpaceScenario.PAGE;

    /** The target of a move of the device's mapping. */
    static final long DEVICE_ELSEWHERE = SpaceScenario.AT + 40 * SpaceScenario.PAGE;

    /** The range of the operations: two pages, of which the first one was written. */
    static final long START = SpaceScenario.AT + SpaceScenario.PAGE;

    /** The target of a move of the range. */
    static final long ELSEWHERE = START + 16 * SpaceScenario.PAGE;

    static final long LENGTH = 2 * SpaceScenario.PAGE;
    static final int FRAMES = 64;

    final State state;

    /** The CPUs that were handed over, and must be claimed again. */
    final Set<Cpu> unowned = new HashSet<>();

    /** Further references. A close that failed at the end of the stack did nothing, and is repeated at the end. */
    private final List<AutoCloseable> got = new ArrayList<>();

    private final Map<Cpu, BorrowedSpace> borrowed = new HashMap<>();
    private final @Nullable FailureDevice device;
    private final List<Registration> registrations = new ArrayList<>();
    private @Nullable SpaceImage image;
    private @Nullable HostFile imageFile;

    FailureScene(Collection<FailureKinds.Kind> kinds) {
        Ground ground = kinds.stream()
                .map(FailureKinds.Kind::ground)
                .filter(of -> of != Ground.ANONYMOUS)
                .findFirst()
                .orElse(Ground.ANONYMOUS);
        boolean hasDevice = kinds.stream().anyMatch(kind -> kind.needs() == FailureKinds.Needs.DEVICE);
        boolean hasExecutor = kinds.stream().anyMatch(kind -> kind.needs() == FailureKinds.Needs.EXECUTOR);
        Executor threads = task -> new Thread(task, "task").start();
        // The checker of a checked machine allocates where the machine itself does not.
        MachineBuilder builder = Machine.builder().checked(false).faultAround(1);
        state = new State(
                hasExecutor ? builder.executor(threads) : builder,
                FRAMES,
                HeapFrames::new,
                machine -> ground.describe(machine.space(SpaceScenario.LINUX)).build(),
                addresses(hasDevice));
        AddressSpace space = state.space;
        state.file = ground.file(state);
        ground.map(state);
        device = hasDevice ? new FailureDevice(state.machine) : null;
        if (device != null) {
            space.mmap(DEVICE, LENGTH, SpaceScenario.RW, Mman.SHARED | Mman.FIXED, device, 0);
        }
        try (Cpu cpu = state.machine.claimCpu()) {
            cpu.switchTo(space);
            SpaceScenario.store(cpu, START, 10);
            kinds.forEach(kind -> kind.prepare(this, cpu));
        }
    }

    /** Opens an image of the space, which is closed again at the end, and brings a page of it into memory. */
    void openImage(Cpu cpu) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            state.space.save(Channels.newChannel(bytes), Map.of());
            HostFile opened = state.machine.openFile(
                    "image",
                    SpaceScenario.LINUX,
                    ByteBuffer.wrap(bytes.toByteArray()).asReadOnlyBuffer());
            imageFile = opened;
            // A page of the file in memory, which the image's own reads do not leave there.
            if (opened.pread(ByteBuffer.allocate(1), 0) != 1) {
                throw new AssertionError("not read");
            }
            image = state.machine.openImage(opened, SpaceScenario.LINUX);
            try (AddressSpace loaded = image().load(state.machine.space(SpaceScenario.LINUX))) {
                cpu.switchTo(loaded);
                SpaceScenario.load(cpu, START);
                cpu.switchTo(state.space);
            }
            state.machine.awaitQuiescence();
        } catch (IOException | InterruptedException failed) {
            throw new IllegalStateException(failed);
        }
    }

    SpaceImage image() {
        return Objects.requireNonNull(image, "no image");
    }

    /** Closes the image, for the second time if its close failed, which must have closed its file. */
    private void closeImage() throws InterruptedException {
        if (image != null) {
            image.close();
            state.machine.awaitQuiescence();
            long read = Objects.requireNonNull(imageFile).pread(ByteBuffer.allocate(1), 0);
            if (read != Errno.EBADF.result()) {
                throw new AssertionError("I8: the file of the image is open: " + read);
            }
            if (MachineInternals.hostFiles(state.machine).isInUse()) {
                throw new AssertionError("I8: a host file is not closed");
            }
        }
    }

    /** Divides the layout at the borders of the VMAs around the range of the operations. */
    void divide() {
        Divisions.divideAround(MachineInternals.layoutOf(state.space), START, START + LENGTH);
    }

    private static List<Long> addresses(boolean hasDevice) {
        List<Long> addresses = new ArrayList<>(StandStill.pages(START, 2));
        addresses.addAll(StandStill.pages(ELSEWHERE, 2));
        if (hasDevice) {
            addresses.addAll(StandStill.pages(DEVICE, 2));
            addresses.addAll(StandStill.pages(DEVICE_ELSEWHERE, 2));
        }
        return addresses;
    }

    GroundFile file() {
        return Objects.requireNonNull(state.file, "no file");
    }

    FailureDevice device() {
        return Objects.requireNonNull(device, "no device");
    }

    /** Keeps a registration until the close. */
    void register(Registration registration) {
        registrations.add(registration);
    }

    /** Adds a listener, and divides the layout such that the range and all mappings are in the lower part. */
    void listenToParts() {
        register(new FailureListener(state));
        Divisions.divide(MachineInternals.layoutOf(state.space), SpaceScenario.AT + 64 * SpaceScenario.PAGE);
    }

    /**
     * Returns whether the range is mapped, as seen through a further reference to the users, and closes this reference.
     */
    boolean isMapped(AddressSpace through) {
        got.add(through);
        boolean isMapped = through.find(START) != null;
        through.close();
        return isMapped;
    }

    /** Keeps a further reference to the users until the end. */
    void keepUsers() {
        got.add(state.space.get());
    }

    /** Registers a reference to the page table, which is closed at the end if it is still open. */
    PageTableRef held(PageTableRef reference) {
        got.add(reference);
        return reference;
    }

    /** Makes a CPU borrow the space. */
    void borrow(Cpu cpu) {
        borrowed.put(cpu, cpu.use(state.space, () -> {}));
    }

    /** Returns the space that a CPU borrowed. */
    BorrowedSpace borrowed(Cpu cpu) {
        return Objects.requireNonNull(borrowed.get(cpu), "not borrowed");
    }

    boolean isClosed() {
        return state.space.snapshot().vmas().isEmpty();
    }

    /** Claims the CPU, ends its borrow, and makes it leave GUEST, unless its operation did so. */
    void rest(Cpu cpu) {
        if (unowned.remove(cpu)) {
            cpu.claim();
        }
        state.inGuest.remove(cpu);
        BorrowedSpace left = borrowed.remove(cpu);
        if (left != null) {
            left.close();
        }
        try {
            cpu.leaveGuest();
        } catch (IllegalStateException outside) {
            // The CPU was not in GUEST, or left it already.
            return;
        }
    }

    /** Unmaps the pages that a failed reclaim left in the other space, so that frames are free. */
    void freeOther() {
        for (AddressSpace space : state.spaces()) {
            if (space != state.space && !state.children.containsValue(space)) {
                space.munmap(SpaceScenario.AT, FRAMES * SpaceScenario.PAGE);
            }
        }
    }

    /** Adds the layouts of all spaces, the contents of their pages and of the file, and the size of the file. */
    void contents(StringBuilder layout, List<String> pages) {
        contents(state.space, layout, pages);
        state.children.forEach((name, child) -> {
            layout.append(name).append('\n');
            contents(child, layout, pages);
        });
        for (long page = 0; state.file != null && page < Ground.PAGES; page++) {
            pages.add(file().number(page * SpaceScenario.PAGE));
        }
        if (state.file != null) {
            pages.add(file().size() + " bytes");
        }
    }

    private void contents(AddressSpace space, StringBuilder layout, List<String> pages) {
        layout.append(LayoutText.of(space));
        try (Cpu cpu = state.machine.claimCpu()) {
            boolean isOpen = true;
            try {
                cpu.switchTo(space);
            } catch (MmException closed) {
                isOpen = false;
            }
            for (long address : addresses(device != null)) {
                pages.add(isOpen ? SpaceScenario.load(cpu, address) : "closed");
            }
        }
    }

    /** Closes everything, and checks that nothing is left (I8). */
    void close() throws Exception {
        registrations.forEach(Registration::close);
        state.held.values().forEach(PageTableRef::close);
        for (AutoCloseable reference : got) {
            reference.close();
        }
        List<AddressSpace> spaces = state.spaces();
        for (AddressSpace space : spaces) {
            space.validate();
            space.close();
        }
        state.machine.awaitQuiescence();
        closeImage();
        if (device != null) {
            device.judgeClosed();
        }
        if (state.file != null) {
            int failed = FailurePoints.hasFailedIn("BackingQuestions$BackingOpen.run") ? 1 : 0;
            if (file().opens() != failed) {
                throw new AssertionError("I8: " + file().opens() + " opens of the file are left");
            }
            file().close();
            state.machine.awaitQuiescence();
            if (failed != 0 && file() instanceof HostGroundFile) {
                // The use whose end failed keeps the file open until the machine ends.
                MachineInternals.hostFiles(state.machine).close();
            }
        }
        for (AddressSpace space : spaces) {
            int tables = StandStill.tableOf(space).tables();
            if (tables != 0 || Divisions.isInFlight(MachineInternals.layoutOf(space)) || space.users() != 0) {
                throw new AssertionError(
                        "I8: left of " + space + ": " + tables + " page tables, " + space.users() + " users");
            }
        }
        state.requireUnreferenced();
        if (state.machine.statistics().framesInUse() != 0 || state.machine.committed() != 0) {
            throw new AssertionError("I8: left at the end: " + state.machine.statistics());
        }
    }
}
