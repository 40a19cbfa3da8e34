// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.ExitRecord;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.SpaceReference;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.lang.ref.WeakReference;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A space lives as long as its references say")
final class LifetimeTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x10_0000;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Machine machine = fixture.machine;
    private final AddressSpace space = machine.space(GEOMETRY).name("init").build();

    LifetimeTest() {
        assertEquals(AT, space.mmap(AT, PAGE, RW, FIXED | Mman.POPULATE, null, 0));
        assertEquals(1, fixture.frames());
    }

    @AfterEach
    void nothingIsLeft() {
        fixture.closeEmpty();
        machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    private static void assertEsrch(Runnable call) {
        assertEquals(Errno.ESRCH, assertThrows(MmException.class, call::run).errno());
    }

    @Test
    @DisplayName("a further user goes on after the close of the first, and its close is the end")
    void furtherUser() {
        AddressSpace second = space.get();
        assertEquals(2, space.users());
        space.close();
        assertResult(Errno.ESRCH, space.munmap(AT, PAGE));
        assertNull(space.find(AT));
        assertEsrch(space::get);
        assertNotNull(second.find(AT));
        assertEquals(1, second.usage().maps());
        assertEquals(1, fixture.frames());
        AddressSpace third = second.get();
        second.close();
        second.close();
        assertEquals(0, third.munmap(AT, PAGE));
        third.close();
        assertEquals(0, third.users());
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("a CPU is a user: the one that leaves last ends the space, whichever way it leaves")
    void cpuIsAUser() {
        List<Runnable> ways = List.of(
                () -> fixture.cpu.switchTo(null),
                fixture.cpu::enterLazy,
                () -> fixture.cpu.switchTo(fixture.space),
                fixture.cpu::close);
        space.close();
        for (Runnable leave : ways) {
            AddressSpace left = machine.newSpace(GEOMETRY);
            assertEquals(AT, left.mmap(AT, PAGE, RW, FIXED, null, 0));
            fixture.cpu.switchTo(left);
            fixture.store(AT, 7);
            left.close();
            assertEquals(7, fixture.load(AT));
            assertEquals(1, left.users());
            leave.run();
            assertEquals(0, left.users());
            assertEquals(0, fixture.frames());
            assertEquals(0, layoutOf(left).pages().tables());
        }
    }

    @Test
    @DisplayName("a reference to the page table becomes a user again only while there is one")
    void neverFromZero() {
        PageTableRef held = space.hold();
        assertEquals(4 * PAGE, held.pageTableBytes());
        AddressSpace got = Objects.requireNonNull(held.tryGet());
        space.close();
        assertEquals(0, got.munmap(AT, PAGE));
        got.close();
        assertNull(held.tryGet());
        assertEquals(PAGE, held.pageTableBytes(), "the topmost table, which is empty");
        SpaceIdentity identity = held.grab();
        held.close();
        held.close();
        assertEsrch(held::tryGet);
        assertEsrch(held::grab);
        assertEquals("init", identity.name());
        identity.close();
    }

    @Test
    @DisplayName("the identity can be asked after the end, in GUEST too")
    void identity() {
        SpaceIdentity identity = space.grab();
        Object attached = new Object();
        identity.attach(attached);
        assertEquals(PAGE, identity.charged());
        assertNull(identity.exit());
        assertEquals("space 2 init", identity.toString());
        space.close();
        fixture.cpu.enterGuest();
        assertEquals(2, identity.number());
        assertEquals("init", identity.name());
        assertEquals(0, identity.charged());
        assertSame(attached, identity.attachment());
        assertEquals("space 2 init, ended", identity.toString());
        ExitRecord exit = Objects.requireNonNull(identity.exit());
        assertEquals(1, exit.usage().maps());
        assertEquals(1, exit.usage().accounted());
        identity.close();
        identity.close();
        assertNull(identity.attachment());
        fixture.cpu.leaveGuest();
    }

    @Test
    @DisplayName("a page table that cannot be given back keeps no identity")
    void givenBackTwice() {
        PageTableRef held = space.hold();
        SpaceIdentity identity = held.grab();
        identity.attach(new Object());
        space.close();
        layoutOf(space).pages().context.free();
        assertThrows(IllegalStateException.class, held::close);
        identity.close();
        assertNull(identity.attachment());
    }

    @Test
    @DisplayName("a machine keeps no record of a space that has ended, also before a garbage collection")
    void noRecord() {
        int before = ReachableObjects.of("RegisteredSpace", machine).size();
        for (int i = 0; i < 3; i++) {
            machine.newSpace(Geometry.LINUX_X86_64).close();
        }
        assertEquals(before, ReachableObjects.of("RegisteredSpace", machine).size());
        assertTrue(before > 0, "the open ones are found");
        space.close();
    }

    @Test
    @DisplayName("the last put in GUEST leaves the teardown to a thread of the machine")
    void lastPutInGuest() throws InterruptedException {
        fixture.cpu.enterGuest();
        space.close();
        assertEquals(0, space.users());
        fixture.cpu.leaveGuest();
        machine.awaitQuiescence();
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("the last put by a notifier of the space's own operation does not wait for that operation")
    void lastPutInCallback() throws InterruptedException {
        AddressSpace second = space.get();
        second.addNotifier((start, end, reason) -> second.close());
        space.close();
        assertEquals(0, second.munmap(AT, PAGE));
        assertEquals(0, second.users());
        machine.awaitQuiescence();
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("the last put within rcuMapPages does not wait")
    void lastPutInSection() throws InterruptedException {
        space.close();
        try (GuestScene scene = new GuestScene()) {
            AddressSpace ended = scene.machine.newSpace(GEOMETRY);
            assertEquals(AT, ended.mmap(AT, PAGE, RW, FIXED, null, 0));
            int users = scene.inSection(cpu -> {
                ended.close();
                return ended.users();
            });
            assertEquals(0, users);
            scene.machine.awaitQuiescence();
            assertEquals(0, layoutOf(ended).usage()[0]);
        }
    }

    @Test
    @DisplayName("a notifier of the teardown may move the CPU that was the last user")
    void movedByItsTeardown() {
        AddressSpace next = machine.newSpace(GEOMETRY);
        space.addNotifier((start, end, reason) -> fixture.cpu.switchTo(next));
        PageTableRef held = space.hold();
        fixture.cpu.switchTo(space);
        space.close();
        fixture.cpu.switchTo(null);
        assertEquals(0, fixture.frames());
        assertSame(next, fixture.cpu.space());
        assertEquals(PAGE, held.pageTableBytes(), "not freed while it is held");
        held.close();
        fixture.cpu.switchTo(null);
        next.close();
    }

    private final List<SpaceIdentity> kept = new ArrayList<>();

    /** Ends a space, and keeps only the reference to its identity. */
    private WeakReference<Layout> ended() {
        AddressSpace ended = machine.newSpace(GEOMETRY);
        kept.add(ended.grab());
        ended.close();
        return new WeakReference<>(layoutOf(ended));
    }

    @Test
    @DisplayName("a reference to the identity does not keep the layout of a space that has ended")
    void identityAlone() {
        WeakReference<Layout> layout = ended();
        Await.until(
                "the layout is collected",
                () -> {
                    System.gc();
                    return layout.get() == null;
                },
                List.of());
        assertEquals(3, kept.get(0).number());
        kept.forEach(SpaceIdentity::close);
        space.close();
    }

    @Test
    @DisplayName("the last user is a CPU whose thread has ended")
    void lastUserHasEnded() throws InterruptedException {
        Thread user = new Thread(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            cpu.memory().load(AT, 8);
        });
        user.start();
        user.join();
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, space.users());
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("each reference is visible with its kind and its holder until it is closed")
    void references() {
        PageTableRef held = space.hold();
        SpaceIdentity identity = held.grab();
        List<SpaceReference> references = space.references();
        assertEquals(
                List.of(SpaceReference.Kind.USERS, SpaceReference.Kind.PAGE_TABLE, SpaceReference.Kind.IDENTITY),
                references.stream().map(SpaceReference::kind).toList());
        for (SpaceReference reference : references) {
            assertEquals(Thread.currentThread().getName(), reference.holder());
            assertTrue(reference.ageNanos() >= 0);
            assertNull(reference.where());
        }
        held.close();
        space.close();
        assertEquals(1, space.references().size());
        identity.close();
        assertEquals(List.of(), space.references());
    }

    @Test
    @DisplayName("the machine lists the references of all spaces, of those that have ended too")
    void weakerLeft() {
        PageTableRef held = space.hold();
        SpaceIdentity identity = space.grab();
        space.close();
        List<SpaceReference> left = machine.references();
        assertEquals(
                List.of("1 null USERS", "2 init PAGE_TABLE", "2 init IDENTITY"),
                left.stream()
                        .map(each -> each.space() + " " + each.name() + " " + each.kind())
                        .toList());
        assertTrue(left.get(1)
                .toString()
                .startsWith("space 2 init: a PAGE_TABLE reference of thread LifetimeTest.weakerLeft, age "));
        held.close();
        identity.close();
        assertEquals(
                List.of(1L),
                machine.references().stream().map(SpaceReference::space).toList());
    }

    /** Acquires one reference of each kind, and forgets it. */
    private void lose() {
        AddressSpace lost = machine.newSpace(GEOMETRY);
        assertEquals(AT, lost.mmap(AT, PAGE, RW, FIXED | Mman.POPULATE, null, 0));
        assertNotNull(lost.hold());
        assertNotNull(lost.grab());
    }

    @Test
    @DisplayName("a reference that no thread can reach is reported and given up")
    void lost() throws InterruptedException {
        space.close();
        lose();
        Await.until(
                "three references are given up",
                () -> {
                    System.gc();
                    machine.statistics();
                    return fixture.reports.size() == 3;
                },
                List.of());
        machine.awaitQuiescence();
        assertEquals(0, fixture.frames());
        Set<String> kinds = new TreeSet<>();
        for (Report report : fixture.reports) {
            assertEquals(Report.Kind.REFERENCE_LOST, report.kind());
            assertTrue(report.message().startsWith("space 3: a "), report.message());
            assertTrue(report.message().endsWith("became unreachable and was not closed; it is given up"));
            kinds.add(report.message().replaceAll("space 3: a ([A-Z_]+) .*", "$1"));
        }
        assertEquals(Set.of("IDENTITY", "PAGE_TABLE", "USERS"), kinds);
        fixture.reports.clear();
    }

    @Test
    @DisplayName("a space that ends without memory to leave the list of the machine has ended, once and for all")
    void neverUnlisted() throws InterruptedException {
        space.close();
        List<Report> reported = new CopyOnWriteArrayList<>();
        Machine full = Machine.builder().memory(1 << 20).reportTo(reported::add).build();
        MachineInternals.neverUnlist(full);
        AddressSpace ended = full.newSpace(GEOMETRY);
        assertEquals(AT, ended.mmap(AT, PAGE, RW, FIXED | Mman.POPULATE, null, 0));
        ended.close();
        full.awaitQuiescence();
        assertEquals(0, MachineInternals.layoutOf(ended).lifetime.context.holds());
        assertEquals(0, full.statistics().framesInUse());
        full.close();
        assertEquals(List.of(), reported);
    }

    @Test
    @DisplayName("a machine that tracks references knows where each was taken")
    void tracked() {
        try (SpaceFixture tracking =
                new SpaceFixture(Machine.builder().memory(1 << 20).trackReferences(true))) {
            Throwable where =
                    Objects.requireNonNull(tracking.space.references().get(0).where());
            assertTrue(Arrays.stream(where.getStackTrace())
                    .anyMatch(frame -> frame.getMethodName().equals("tracked")));
        }
        space.close();
    }

    static Set<String> methods(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .map(Method::getName)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    @DisplayName("a weaker reference has no method that needs more than it keeps")
    void weaker() {
        assertEquals(
                Set.of("close", "grab", "pageTableBytes", "reap", "toString", "tryGet"), methods(PageTableRef.class));
        assertEquals(
                Set.of("attach", "attachment", "charged", "close", "exit", "name", "number", "toString"),
                methods(SpaceIdentity.class));
        space.close();
    }

    @Test
    @DisplayName("a CPU that goes elsewhere while the space it is in is closed keeps that space until it has left")
    void refusedSwitch() {
        AddressSpace gone = machine.newSpace(GEOMETRY);
        gone.close();
        fixture.cpu.switchTo(space);
        space.close();
        assertEsrch(() -> fixture.cpu.switchTo(gone));
        assertEsrch(() -> fixture.cpu.switchTo(space));
        assertSame(space, fixture.cpu.space());
        assertFault(Fault.NONE, fixture.memory.load(AT, 8));
        fixture.cpu.switchTo(null);
        assertEquals(0, fixture.frames());
    }

    @Test
    @DisplayName("a fork beside the end of its parent is a space of its own")
    void child() {
        AddressSpace child = space.fork();
        List<AddressSpace> both = new ArrayList<>(List.of(space, child));
        space.close();
        assertNotNull(child.find(AT));
        assertEquals(1, child.users());
        both.forEach(AddressSpace::close);
        assertEquals(0, fixture.frames());
    }
}
