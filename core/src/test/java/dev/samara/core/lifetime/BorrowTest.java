// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceReference;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A space that a CPU borrows")
final class BorrowTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x10_0000;
    private static final Geometry LARGE_PAGES = new Geometry(14, 4, 25, 0x10000, 1L << 46, 1L << 47);

    private final SpaceFixture fixture = new SpaceFixture();
    private final Machine machine = fixture.machine;
    private final AddressSpace space = machine.newSpace(GEOMETRY);

    /** A CPU without a space of its own. */
    private final Cpu service = machine.claimCpu();

    private final AtomicInteger asked = new AtomicInteger();
    private final Runnable letGo = asked::incrementAndGet;

    BorrowTest() {
        assertEquals(AT, space.mmap(AT, PAGE, RW, FIXED, null, 0));
        assertEquals(8, space.write(AT, new byte[] {7, 0, 0, 0, 0, 0, 0, 0}, 0, 8));
    }

    @AfterEach
    void nothingIsLeft() {
        service.close();
        fixture.closeEmpty();
        machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    private static long load(Cpu cpu) {
        assertFault(Fault.NONE, cpu.memory().load(AT, 8));
        return cpu.memory().value();
    }

    private static String refused(Runnable call) {
        return assertThrows(IllegalStateException.class, call::run).toString().replaceFirst("^[^:]*: ", "");
    }

    private static void assertEsrch(Runnable call) {
        assertEquals(Errno.ESRCH, assertThrows(MmException.class, call::run).errno());
    }

    @Test
    @DisplayName("the CPU is a user of it, and goes back to the space that it had")
    void goesBack() {
        Cpu cpu = fixture.cpu;
        int before = fixture.space.users();
        BorrowedSpace borrowed = cpu.use(space, letGo);
        assertNull(cpu.space());
        assertEquals(7, load(cpu));
        assertEquals(2, space.users());
        assertEquals(1, space.cpus());
        assertEquals(before, fixture.space.users(), "it remains a user of its own space");
        assertEquals(0, fixture.space.cpus());
        borrowed.close();
        borrowed.close();
        assertSame(fixture.space, cpu.space());
        assertEquals(before, fixture.space.users());
        assertFault(Fault.MAPERR, cpu.memory().load(AT, 8));
        assertEquals(1, space.users());
        space.close();
    }

    @Test
    @DisplayName("the CPU goes back although the reference to its own space is closed, and is its last user")
    void goesBackToAClosedReference() {
        AddressSpace home = machine.newSpace(GEOMETRY);
        assertEquals(AT, home.mmap(AT, PAGE, RW, FIXED, null, 0));
        service.switchTo(home);
        assertFault(Fault.NONE, service.memory().store(AT, 8, 9));
        home.close();
        try (BorrowedSpace borrowed = service.use(space, letGo)) {
            assertEquals(7, load(service));
            assertFalse(borrowed.isAsked());
        }
        assertSame(home, service.space());
        assertEquals(9, load(service));
        assertEquals(1, home.users());
        service.switchTo(null);
        assertEquals(0, home.users());
        space.close();
    }

    @Test
    @DisplayName("a CPU that was in no space is LAZY in it afterwards, and keeps its translations")
    void lazyAfterwards() {
        BorrowedSpace first = service.use(space, letGo);
        assertEquals(7, load(service));
        first.close();
        assertEquals(1, space.users());
        assertTrue(refused(() -> load(service)).contains("LAZY"));
        try (BorrowedSpace again = service.use(space, letGo)) {
            assertTrue(SpaceFixture.hits(service, () -> load(service)));
            assertFalse(again.isAsked());
        }
        service.switchTo(space);
        assertEquals(7, load(service));
        service.switchTo(null);
        space.close();
    }

    @Test
    @DisplayName("the last close asks the borrower once and returns; the borrower goes on, and its end is the teardown")
    void ownerCloses() throws InterruptedException {
        AddressSpace second = space.get();
        BorrowedSpace borrowed = service.use(space, letGo);
        space.close();
        machine.awaitQuiescence();
        assertFalse(borrowed.isAsked(), "there is another reference");
        second.close();
        assertTrue(borrowed.isAsked());
        machine.awaitQuiescence();
        assertEquals(1, asked.get());
        assertEquals(7, load(service));
        assertEquals(1, fixture.frames());
        borrowed.close();
        assertEquals(0, space.users());
        assertEquals(0, fixture.frames());
        machine.awaitQuiescence();
        assertEquals(1, asked.get());
    }

    @Test
    @DisplayName("one that begins after the last close is asked at once")
    void usedAfterTheLastClose() throws InterruptedException {
        PageTableRef held = space.hold();
        fixture.cpu.switchTo(space);
        space.close();
        BorrowedSpace borrowed = Objects.requireNonNull(service.tryUse(held, letGo));
        assertTrue(borrowed.isAsked());
        machine.awaitQuiescence();
        assertEquals(1, asked.get());
        fixture.cpu.switchTo(null);
        assertEquals(7, load(service));
        borrowed.close();
        assertEquals(0, fixture.frames());
        held.close();
    }

    @Test
    @DisplayName("none begins once there is no user: the CPU stays where it is")
    void neverFromZero() {
        PageTableRef held = space.hold();
        service.switchTo(space);
        service.enterLazy();
        space.close();
        assertNull(service.tryUse(held, letGo));
        assertNull(fixture.cpu.tryUse(held, letGo));
        assertSame(fixture.space, fixture.cpu.space());
        assertEsrch(() -> fixture.cpu.use(space, letGo));
        held.close();
        assertEsrch(() -> fixture.cpu.tryUse(held, letGo));
        assertSame(fixture.space, fixture.cpu.space());
        assertEquals(0, asked.get());
    }

    @Test
    @DisplayName("a closed reference borrows nothing, although the space has users")
    void closedReference() {
        AddressSpace second = space.get();
        second.close();
        assertEsrch(() -> service.use(second, letGo));
        space.close();
    }

    @Test
    @DisplayName("without users every access is refused, and the space may end; it is left, and used again")
    void withoutUsers() {
        BorrowedSpace first = service.use(space, letGo);
        AdoptedSpace adopted = first.putUsers();
        assertEquals(1, space.users());
        String access = "cpu 2 has given up the users of the space that it borrows: it has to leave, and to use the"
                + " space again first";
        assertEquals(access, refused(() -> load(service)));
        assertEquals(access, refused(service::enterGuest));
        PageTableRef held = adopted.leave();
        BorrowedSpace second = Objects.requireNonNull(service.tryUse(held, letGo));
        assertEquals(7, load(service));
        held.close();
        AdoptedSpace again = second.putUsers();
        space.close();
        assertEquals(0, fixture.frames(), "torn down under the adoption");
        assertEquals(access, refused(() -> load(service)));
        try (PageTableRef ended = again.leave()) {
            assertNull(service.tryUse(ended, letGo));
            assertEquals(PAGE, ended.pageTableBytes());
        }
        assertEquals(0, asked.get());
    }

    @Test
    @DisplayName("without users the CPU goes back to the space that it had when it leaves")
    void goesBackWithoutUsers() {
        AdoptedSpace adopted = fixture.cpu.use(space, letGo).putUsers();
        assertNull(fixture.cpu.space());
        adopted.leave().close();
        assertSame(fixture.space, fixture.cpu.space());
        assertFault(Fault.MAPERR, fixture.memory.load(AT, 8));
        space.close();
    }

    @Test
    @DisplayName("a step at the wrong place says which one is right")
    void wrongSteps() {
        BorrowedSpace borrowed = service.use(space, letGo);
        AdoptedSpace adopted = borrowed.putUsers();
        String rule = "; a borrow goes from users to no users, leaves, and uses the space again";
        assertEquals(
                "borrow of space 2 by cpu 2, without users: it gives up its users only with users" + rule,
                refused(borrowed::putUsers));
        PageTableRef held = adopted.leave();
        assertEquals(
                "borrow of space 2 by cpu 2, ended: it leaves the space only without users" + rule,
                refused(adopted::leave));
        assertEquals(
                "borrow of space 2 by cpu 2, ended: it gives up its users only with users" + rule,
                refused(borrowed::putUsers));
        borrowed.close();
        adopted.close();
        BorrowedSpace second = Objects.requireNonNull(service.tryUse(held, letGo));
        AdoptedSpace left = second.putUsers();
        second.close();
        assertTrue(refused(left::leave).contains("ended"));
        assertEquals(List.of(SpaceReference.Kind.USERS, SpaceReference.Kind.PAGE_TABLE), kinds());
        held.close();
        Objects.requireNonNull(service.use(space, letGo)).putUsers().close();
        assertEquals(List.of(SpaceReference.Kind.USERS), kinds());
        space.close();
    }

    @Test
    @DisplayName("the types have no shorter way")
    void types() {
        assertEquals(Set.of("close", "isAsked", "putUsers", "toString"), LifetimeTest.methods(BorrowedSpace.class));
        assertEquals(Set.of("close", "leave", "toString"), LifetimeTest.methods(AdoptedSpace.class));
        space.close();
    }

    @Test
    @DisplayName("a CPU that borrows goes nowhere else before the end of the borrow")
    void refused() {
        BorrowedSpace borrowed = service.use(space, letGo);
        String reason = "cpu 2 has to end its borrow of space 2 by cpu 2, with users, before ";
        assertEquals(reason + "it goes to another space", refused(() -> service.switchTo(fixture.space)));
        assertEquals(reason + "it is LAZY", refused(service::enterLazy));
        assertEquals(reason + "it borrows a space", refused(() -> service.use(fixture.space, letGo)));
        assertEquals(reason + "its own space is replaced", refused(() -> service.exec(fixture.space)));
        service.enterGuest();
        assertTrue(refused(borrowed::close).contains("is in GUEST"));
        assertTrue(refused(borrowed::putUsers).contains("is in GUEST"));
        service.leaveGuest();
        assertEquals(7, load(service));
        borrowed.close();
        fixture.cpu.enterGuest();
        assertTrue(refused(() -> fixture.cpu.use(space, letGo)).contains("is in GUEST"));
        fixture.cpu.leaveGuest();
        space.close();
    }

    @Test
    @DisplayName("only the thread that owns the CPU ends the borrow; it goes with a CPU that is handed over")
    void ofTheOwner() {
        BorrowedSpace borrowed = service.use(space, letGo);
        AddressSpace own = space;
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            String refused = other.call(cpu -> refused(borrowed::close));
            assertTrue(refused.startsWith("cpu 2 is used by thread"), refused);
            service.handOver();
            other.call(cpu -> {
                service.claim();
                assertEquals(7, load(service));
                assertEquals(1, own.cpus());
                borrowed.close();
                service.handOver();
                return 0;
            });
            service.claim();
        }
        assertEquals(0, space.cpus());
        space.close();
    }

    @Test
    @DisplayName("the close of the CPU ends the borrow, whichever state it has")
    void closeOfTheCpu() {
        Cpu with = machine.claimCpu();
        BorrowedSpace borrowed = with.use(space, letGo);
        with.close();
        borrowed.close();
        Cpu without = machine.claimCpu();
        AdoptedSpace adopted = without.use(space, letGo).putUsers();
        without.close();
        adopted.close();
        Cpu own = machine.claimCpu();
        own.switchTo(fixture.space);
        assertNotNull(own.use(space, letGo));
        own.close();
        assertEquals(List.of(SpaceReference.Kind.USERS), kinds());
        assertEquals(1, space.users());
        assertEquals(1, fixture.space.cpus());
        space.close();
    }

    private List<SpaceReference.Kind> kinds() {
        return space.references().stream().map(SpaceReference::kind).toList();
    }

    @Test
    @DisplayName("it is listed with its holder while it has users, and as a page table without")
    void references() {
        BorrowedSpace borrowed = service.use(space, letGo);
        assertEquals(List.of(SpaceReference.Kind.USERS, SpaceReference.Kind.BORROW), kinds());
        SpaceReference listed = space.references().get(1);
        assertEquals(Thread.currentThread().getName(), listed.holder());
        assertTrue(listed.ageNanos() >= 0);
        assertNull(listed.where());
        SpaceReference ofAll = machine.references().get(2);
        assertEquals(SpaceReference.Kind.BORROW, ofAll.kind());
        assertEquals(listed.space(), ofAll.space());
        assertEquals(listed.holder(), ofAll.holder());
        assertTrue(listed.toString().contains("a BORROW of thread " + listed.holder()), listed.toString());
        AdoptedSpace adopted = borrowed.putUsers();
        assertEquals(List.of(SpaceReference.Kind.USERS, SpaceReference.Kind.PAGE_TABLE), kinds());
        assertTrue(machine.references().stream().noneMatch(of -> of.kind() == SpaceReference.Kind.BORROW));
        adopted.close();
        assertEquals(List.of(SpaceReference.Kind.USERS), kinds());
        fixture.cpu.use(space, letGo).close();
        assertEquals(List.of(SpaceReference.Kind.USERS), kinds());
        space.close();
    }

    @Test
    @DisplayName("spaces with other page sizes, and of other machines, are borrowed as well")
    void elsewhere() {
        try (SpaceFixture other = new SpaceFixture()) {
            other.cpu.switchTo(null);
            AddressSpace large = machine.newSpace(LARGE_PAGES);
            for (AddressSpace of : List.of(large, other.space, space)) {
                assertEquals(AT, of.mmap(AT, 1 << 14, RW, FIXED, null, 0));
                try (BorrowedSpace borrowed = fixture.cpu.use(of, letGo)) {
                    assertFault(Fault.NONE, fixture.memory.store(AT, 8, 5));
                    assertEquals(
                            SpaceReference.Kind.BORROW, of.references().get(1).kind());
                    of.close();
                    assertTrue(borrowed.isAsked());
                }
                assertSame(fixture.space, fixture.cpu.space());
                assertEquals(0, of.users());
            }
        }
    }

    @Test
    @DisplayName("a CPU may borrow its own space, and one in which it is LAZY")
    void ownSpace() {
        service.switchTo(space);
        try (BorrowedSpace borrowed = service.use(space, letGo)) {
            assertEquals(7, load(service));
            assertEquals(3, space.users(), "the owner, the borrow, and the CPU on its way back");
            assertFalse(borrowed.isAsked());
        }
        assertSame(space, service.space());
        service.enterLazy();
        service.use(space, letGo).close();
        assertEquals(1, space.users());
        space.close();
    }
}
