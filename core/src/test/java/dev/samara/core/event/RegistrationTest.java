// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A registration: closed once or twice, by any caller that may, also by its own listener")
final class RegistrationTest {
    private static final long PAGE = 0x1000;
    private static final int RW = Mman.READ | Mman.WRITE;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine =
            Machine.builder().memory(1 << 20).reportTo(reports::add).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final long at = map(4);

    /** The names of the listeners in the order in which they were called. */
    private final List<String> told = new CopyOnWriteArrayList<>();

    /** Adds a listener that performs an action at each call. */
    private interface Adder extends Function<Runnable, Registration> {}

    private Registration listener(Runnable action) {
        return space.addListener(change -> action.run());
    }

    private Registration notifier(Runnable action) {
        return space.addNotifier((start, end, reason) -> action.run());
    }

    @AfterEach
    void noReport() {
        space.close();
        assertEquals(List.of(), reports);
    }

    private long map(int pages) {
        return space.throwing().mmap(0, pages * PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
    }

    /** Waits until the machine's threads called all listeners. */
    private void quiesce() {
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** Makes a change that calls the notifiers, and waits until the listeners were called. */
    private void change() {
        long page = map(1);
        assertEquals(0, space.munmap(page, PAGE));
        quiesce();
    }

    /** Maps a page, which calls only layout listeners. */
    private void mapOnly() {
        map(1);
        quiesce();
    }

    private void assertClosesOnce(Adder adder, Runnable event) {
        Runnable twice = () -> told.add("twice");
        Registration first = adder.apply(twice);
        Registration other = adder.apply(() -> told.add("other"));
        Registration second = adder.apply(twice);
        event.run();
        assertEquals(List.of("twice", "other", "twice"), told.stream().limit(3).toList());
        told.clear();
        second.close();
        second.close();
        event.run();
        assertEquals(List.of("twice", "other"), told.stream().limit(2).toList(), "the other addition stays");
        told.clear();
        first.close();
        event.run();
        assertTrue(told.stream().allMatch("other"::equals), told::toString);
        other.close();
        told.clear();
        first.close();
        event.run();
        assertEquals(List.of(), told);
    }

    private void assertClosesItself(Adder adder, Runnable event) {
        List<Registration> own = new CopyOnWriteArrayList<>();
        own.add(adder.apply(() -> {
            told.add("own");
            own.get(0).close();
        }));
        Registration stays = adder.apply(() -> told.add("stays"));
        event.run();
        assertTrue(told.contains("own"), told::toString);
        told.clear();
        event.run();
        assertTrue(told.contains("stays") && !told.contains("own"), told::toString);
        stays.close();
    }

    /** Makes a CPU drop translations of the space. */
    private void flush(Cpu cpu) {
        cpu.memory().store(at, 8, 1);
        assertEquals(0, space.mprotect(at, PAGE, Mman.READ));
        assertEquals(0, space.mprotect(at, PAGE, RW));
        cpu.enterGuest();
        cpu.leaveGuest();
    }

    private void onCpu(Consumer<Cpu> test) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            // The first entry to GUEST calls the listeners for a flush of everything.
            cpu.enterGuest();
            cpu.leaveGuest();
            test.accept(cpu);
        }
    }

    private static Adder flushListener(Cpu cpu) {
        return action -> cpu.onFlush((start, end, reason, generation) -> action.run());
    }

    @Test
    @DisplayName("of a layout listener: no later change, each addition by itself, a second close does nothing")
    void listener() {
        // The order of two listeners is unspecified.
        Registration first = listener(() -> told.add("first"));
        Registration second = listener(() -> told.add("second"));
        mapOnly();
        assertEquals(List.of("first", "second"), told.stream().sorted().toList());
        first.close();
        first.close();
        told.clear();
        mapOnly();
        assertEquals(List.of("second"), told);
        second.close();
        mapOnly();
        assertEquals(List.of("second"), told);
        LayoutListener twice = change -> told.add("twice");
        Registration one = space.addListener(twice);
        Registration other = space.addListener(twice);
        one.close();
        one.close();
        told.clear();
        mapOnly();
        assertEquals(List.of("twice"), told);
        other.close();
        mapOnly();
        assertEquals(List.of("twice"), told);
    }

    @Test
    @DisplayName("of a layout listener that closes it: changes that were published before that are still delivered")
    void listenerClosesItself() {
        assertClosesItself(this::listener, this::mapOnly);
        CompletableFuture<Void> published = new CompletableFuture<>();
        List<Registration> own = new CopyOnWriteArrayList<>();
        told.clear();
        own.add(listener(() -> {
            published.join();
            told.add("own");
            own.get(0).close();
        }));
        map(1);
        map(1);
        published.complete(null);
        quiesce();
        assertEquals(List.of("own", "own"), told);
    }

    /** A layout lock whose next unlock runs an action afterwards, on the same thread. */
    private static final class FollowedLock extends ReentrantLock {
        private static final long serialVersionUID = 1;

        private final transient AtomicReference<@Nullable Runnable> next;

        FollowedLock(AtomicReference<@Nullable Runnable> next) {
            this.next = next;
        }

        @Override
        public void unlock() {
            super.unlock();
            Runnable action = next.getAndSet(null);
            if (action != null) {
                action.run();
            }
        }
    }

    @Test
    @DisplayName("of a layout listener, between a publication and its delivery: the change is still delivered, once")
    void listenerClosedBeforeDelivery() throws InterruptedException {
        AtomicReference<@Nullable Runnable> afterUnlock = new AtomicReference<>();
        Machine followed = MachineInternals.withLocks(
                Machine.builder().reportTo(reports::add).build(), () -> new FollowedLock(afterUnlock));
        AddressSpace other = followed.newSpace(Geometry.LINUX_X86_64);
        List<Long> numbers = new CopyOnWriteArrayList<>();
        Registration registration = other.addListener(change -> numbers.add(change.sequence()));
        int flags = Mman.PRIVATE | Mman.ANONYMOUS;
        afterUnlock.set(() -> {
            assertEquals(1, other.snapshot().vmas().size(), "published");
            registration.close();
        });
        long page = other.throwing().mmap(0, PAGE, RW, flags, null, 0);
        assertEquals(null, afterUnlock.get());
        followed.awaitQuiescence();
        assertEquals(List.of(1L), numbers);
        assertEquals(0, other.munmap(page, PAGE));
        registration.close();
        followed.awaitQuiescence();
        assertEquals(List.of(1L), numbers);
        other.close();
    }

    @Test
    @DisplayName("of a notifier: no later operation, each addition by itself, a second close does nothing")
    void notifier() {
        assertClosesOnce(this::notifier, this::change);
    }

    @Test
    @DisplayName("of a notifier that closes it, and another one: the operation in flight still calls the other")
    void notifierClosesItself() {
        assertClosesItself(this::notifier, this::change);
        List<Registration> both = new CopyOnWriteArrayList<>();
        told.clear();
        both.add(notifier(() -> both.forEach(Registration::close)));
        both.add(notifier(() -> told.add("other")));
        change();
        assertEquals(List.of("other"), told);
        change();
        assertEquals(List.of("other"), told);
    }

    @Test
    @DisplayName("of a flush listener: no later flush, each addition by itself, a second close does nothing")
    void flushListener() {
        onCpu(cpu -> assertClosesOnce(flushListener(cpu), () -> flush(cpu)));
    }

    @Test
    @DisplayName("of a flush listener that closes it, and another one: this flush does not call the other any more")
    void flushListenerClosesItself() {
        onCpu(cpu -> {
            assertClosesItself(flushListener(cpu), () -> flush(cpu));
            List<Registration> both = new ArrayList<>();
            told.clear();
            both.add(flushListener(cpu).apply(() -> both.forEach(Registration::close)));
            both.add(flushListener(cpu).apply(() -> told.add("other")));
            flush(cpu);
            flush(cpu);
            assertEquals(List.of(), told);
        });
    }

    @Test
    @DisplayName("with a CPU is closed by its owner alone, in GUEST, without a space, and after the CPU's end")
    void ofACpu() {
        List<Registration> kept = new ArrayList<>();
        onCpu(cpu -> {
            Registration inGuest = flushListener(cpu).apply(() -> told.add("in GUEST"));
            kept.add(flushListener(cpu).apply(() -> told.add("kept")));
            CompletableFuture<Void> elsewhere = CompletableFuture.runAsync(inGuest::close);
            ExecutionException refused = assertThrows(ExecutionException.class, elsewhere::get);
            assertTrue(refused.getCause() instanceof IllegalStateException, refused::toString);
            flush(cpu);
            assertTrue(told.contains("in GUEST"), told::toString);
            cpu.enterGuest();
            inGuest.close();
            cpu.leaveGuest();
            told.clear();
            flush(cpu);
            assertTrue(told.contains("kept") && !told.contains("in GUEST"), told::toString);
            Registration withoutSpace = flushListener(cpu).apply(() -> told.add("without a space"));
            cpu.switchTo(null);
            withoutSpace.close();
            cpu.switchTo(space);
            told.clear();
            flush(cpu);
            assertTrue(!told.contains("without a space"), told::toString);
        });
        kept.get(0).close();
    }

    @Test
    @DisplayName("with a space is refused in GUEST, and stays; a watchpoint is not")
    void ofASpaceInGuest() {
        Registration first = listener(() -> told.add("listener"));
        Registration second = notifier(() -> told.add("notifier"));
        Registration watch = space.watch(at, 8, (address, length) -> told.add("watch"));
        onCpu(cpu -> {
            cpu.enterGuest();
            assertThrows(IllegalStateException.class, first::close);
            assertThrows(IllegalStateException.class, second::close);
            cpu.leaveGuest();
            cpu.memory().store(at, 8, 1);
            change();
            assertEquals(3, told.stream().distinct().count(), told::toString);
            cpu.enterGuest();
            watch.close();
            watch.close();
            cpu.leaveGuest();
            told.clear();
            cpu.memory().store(at, 8, 1);
            assertEquals(List.of(), told);
        });
        first.close();
        second.close();
        change();
        assertEquals(List.of(), told);
    }

    @Test
    @DisplayName("names the listener's class")
    void text() {
        Registration registration = space.addListener(new Named());
        assertEquals("registration of " + Named.class.getName(), registration.toString());
        registration.close();
        assertEquals("registration of " + Named.class.getName(), registration.toString());
    }

    private static final class Named implements LayoutListener {
        @Override
        public void changed(LayoutListener.Change change) {}
    }
}
