// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MappingResidency;
import dev.samara.core.PageScan;
import dev.samara.core.Residency;
import dev.samara.core.ThrowingCalls;
import dev.samara.core.Usage;
import dev.samara.core.event.AccessListener;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.WriteListener;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A closed space")
final class ClosedSpaceTest {
    private static final long AT = 0x10_0000;

    /** The methods that return a negated errno. */
    private static final Set<String> WITH_ERRNO = Set.of(
            "brk",
            "collectAccessed",
            "collectDirty",
            "growStack",
            "madvise",
            "membarrier",
            "mincore",
            "mlock",
            "mlock2",
            "mlockall",
            "mmap",
            "mprotect",
            "mremap",
            "mseal",
            "msync",
            "munlock",
            "munlockall",
            "munmap",
            "pagemap",
            "pagemapScan",
            "read",
            "readForced",
            "remapFilePages",
            "setAnonymousName",
            "setMdwe",
            "shmLock",
            "shmUnlock",
            "shmat",
            "shmdt",
            "write",
            "writeForced");

    private static final Set<String> ASYNCHRONOUS = Set.of("mmapAsync", "mremapAsync", "munmapAsync");

    private static final Set<String> THROWING = Set.of(
            "addListener",
            "addNotifier",
            "checkpoint",
            "drop",
            "enter",
            "fork",
            "get",
            "grab",
            "grant",
            "hold",
            "save",
            "setLimit",
            "view",
            "watch",
            "watchReads");

    /** The methods that cannot fail, with their results for a closed space as text. */
    private static final Map<String, String> ANSWERS = Map.ofEntries(
            Map.entry("acquire", "null"),
            Map.entry("capabilities", "[]"),
            Map.entry("close", "null"),
            Map.entry("cpus", "0"),
            Map.entry("find", "null"),
            Map.entry("findNext", "null"),
            Map.entry("findPrevious", "null"),
            Map.entry("forEach", "null"),
            Map.entry("geometry", SpaceFixture.GEOMETRY.toString()),
            Map.entry("mdwe", "0"),
            Map.entry("pageTableBytes", Long.toString(PAGE)),
            Map.entry("references", "[]"),
            Map.entry("residency", new Residency(0, 0, 0, 0, 0, 0).toString()),
            Map.entry("resolve", Integer.toString(Fault.MAPERR)),
            Map.entry("smaps", "null"),
            Map.entry("smapsRollup", new MappingResidency(null, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0).toString()),
            Map.entry("snapshot", "mappings 0"),
            Map.entry("throwing", "throwing calls of space 1, closed, users 0"),
            Map.entry("toString", "space 1, closed, users 0"),
            Map.entry("usage", new Usage(0, 0, 0, 0, 0, 0, 0).toString()),
            Map.entry("users", "0"),
            Map.entry("validate", "null"));

    /** The methods that return the same as before the close. */
    private static final Set<String> UNCHANGED = Set.of("holdTimes", "machine", "statistics");

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    private static List<Method> methods(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()))
                .toList();
    }

    private static @Nullable Object argument(Class<?> type) {
        if (type == long.class) {
            return PAGE;
        } else if (type == int.class) {
            return 0;
        } else if (type == byte[].class) {
            return new byte[16];
        } else if (type == ByteBuffer.class) {
            return ByteBuffer.allocate(16);
        } else if (type == Consumer.class) {
            return (Consumer<Object>) any -> {};
        } else if (type == LongConsumer.class) {
            return (LongConsumer) address -> {};
        } else if (type == WriteListener.class) {
            return (WriteListener) (address, length) -> {};
        } else if (type == AccessListener.class) {
            return (AccessListener) (access, address, length, value) -> {};
        } else if (type == LayoutListener.class) {
            return (LayoutListener) change -> {};
        } else if (type == LayoutListener.Order.class) {
            return LayoutListener.Order.TOTAL;
        } else if (type == MmuNotifier.class) {
            return (MmuNotifier) (start, end, reason) -> {};
        } else if (type == PageScan.class) {
            return new PageScan();
        } else if (type == long[].class) {
            return new long[3];
        } else if (type == Resource.class) {
            return Resource.DATA;
        } else if (type == Map.class) {
            return Map.of();
        } else if (type == WritableByteChannel.class) {
            return Channels.newChannel(OutputStream.nullOutputStream());
        } else if (type == Capability[].class) {
            return Capability.values();
        }
        return null;
    }

    private static @Nullable Object call(Object of, Method method) {
        try {
            return method.invoke(
                    of,
                    Arrays.stream(method.getParameterTypes())
                            .map(ClosedSpaceTest::argument)
                            .toArray());
        } catch (InvocationTargetException thrown) {
            return thrown.getCause();
        } catch (IllegalAccessException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static void assertEsrch(Method method, @Nullable Object thrown) {
        MmException refused = assertThrows(MmException.class, () -> {
            if (thrown instanceof Throwable refusal) {
                throw refusal;
            }
        });
        assertEquals(Errno.ESRCH, refused.errno(), method.toString());
    }

    private void close() {
        fixture.store(fixture.map(AT, 2, RW, ANONYMOUS | Mman.FIXED, null, 0), 1);
        fixture.cpu.switchTo(null);
        space.close();
    }

    @AfterEach
    @DisplayName("nothing is left")
    void nothingIsLeft() {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("a mapping that is refused asks its backing nothing")
    void asksNothing() {
        close();
        Backing failing = (Backing) Proxy.newProxyInstance(
                Backing.class.getClassLoader(), new Class<?>[] {Backing.class}, (proxy, method, arguments) -> {
                    throw new AssertionError("asked for " + method.getName());
                });
        assertEquals(Errno.ESRCH.result(), space.mmap(0, PAGE, RW, Mman.PRIVATE, failing, 0));
        PendingCall pending = space.mmapAsync(0, PAGE, RW, Mman.PRIVATE, failing, 0);
        assertTrue(pending.isDone());
        assertEquals(Errno.ESRCH.result(), pending.result());
    }

    @Test
    @DisplayName("each public method has an answer of its own, which is ESRCH if it has errors")
    void everyMethod() {
        String statistics = space.statistics().toString();
        assertNotNull(statistics);
        close();
        statistics = space.statistics().toString();
        List<String> undecided = new ArrayList<>();
        for (Method method : methods(AddressSpace.class)) {
            String name = method.getName();
            Object result = call(space, method);
            if (WITH_ERRNO.contains(name)) {
                assertEquals(Errno.ESRCH.result(), result, method.toString());
            } else if (ASYNCHRONOUS.contains(name)) {
                PendingCall pending = (PendingCall) Objects.requireNonNull(result);
                assertEquals(Errno.ESRCH.result(), pending.result(), name);
                assertTrue(pending.isDone(), name);
                assertEquals(Errno.ESRCH.result(), pending.join(), name);
            } else if (THROWING.contains(name)) {
                assertEsrch(method, result);
            } else if (ANSWERS.containsKey(name)) {
                assertEquals(ANSWERS.get(name), String.valueOf(result), name);
            } else if (!UNCHANGED.contains(name)) {
                undecided.add(name);
            }
        }
        assertEquals(List.of(), undecided, "methods without a decision");
        assertSame(fixture.machine, space.machine());
        assertEquals(statistics, space.statistics().toString());
        assertNotNull(space.holdTimes());
    }

    @Test
    @DisplayName("the decisions are about methods that exist")
    void decisions() {
        Set<String> decided = new TreeSet<>(WITH_ERRNO);
        decided.addAll(ASYNCHRONOUS);
        decided.addAll(THROWING);
        decided.addAll(ANSWERS.keySet());
        decided.addAll(UNCHANGED);
        assertEquals(
                methods(AddressSpace.class).stream()
                        .map(Method::getName)
                        .collect(Collectors.toCollection(TreeSet::new)),
                decided);
    }

    @Test
    @DisplayName("each throwing call throws with ESRCH")
    void throwingCalls() {
        ThrowingCalls calls = space.throwing();
        close();
        for (Method method : methods(ThrowingCalls.class)) {
            if (!method.getName().equals("toString")) {
                assertEsrch(method, call(calls, method));
            }
        }
    }

    @Test
    @DisplayName("a CPU that is in it goes on, and cannot come back once it has left")
    void cpuInIt() {
        long at = fixture.anonymous(1);
        fixture.store(at, 7);
        space.close();
        assertSame(space, fixture.cpu.space());
        assertEquals(1, space.cpus());
        assertEquals("space 1, closed, users 1", space.toString());
        assertResult(Errno.ESRCH, space.munmap(at, PAGE));
        assertEquals(7, fixture.load(at));
        fixture.store(at + 8, 8);
        fixture.cpu.enterGuest();
        assertEquals(8, fixture.load(at + 8));
        fixture.cpu.leaveGuest();
        assertRefused(fixture.cpu);
        assertSame(space, fixture.cpu.space());
        assertEquals(1, fixture.frames());
        AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        fixture.cpu.switchTo(other);
        assertEquals(0, fixture.frames());
        assertEquals(0, space.users());
        assertRefused(fixture.cpu);
        assertSame(other, fixture.cpu.space());
        fixture.cpu.switchTo(null);
        other.close();
    }

    private void assertRefused(Cpu cpu) {
        MmException refused = assertThrows(MmException.class, () -> cpu.switchTo(space));
        assertEquals(Errno.ESRCH, refused.errno());
    }

    @Test
    @DisplayName("a CPU of another thread in GUEST does not delay the close, and ends the space when it leaves")
    void cpuInGuest() {
        long at = fixture.anonymous(1);
        fixture.store(at, 7);
        fixture.cpu.switchTo(null);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(cpu -> {
                cpu.enterGuest();
                return cpu.memory().load(at, 8);
            });
            space.close();
            assertFault(Fault.NONE, guest.call(cpu -> cpu.memory().store(at, 8, 9)));
            assertEquals(1, fixture.frames());
            guest.call(cpu -> {
                cpu.leaveGuest();
                cpu.switchTo(null);
                return 0;
            });
            assertEquals(0, fixture.frames());
        }
    }

    @Test
    @DisplayName("a close in GUEST leaves the teardown to a thread of the machine")
    void closeInGuest() throws InterruptedException {
        AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY);
        long at = other.mmap(0, PAGE, RW, ANONYMOUS | Mman.POPULATE, null, 0);
        assertFalse(Errno.isError(at));
        fixture.cpu.enterGuest();
        other.close();
        other.close();
        assertEquals(0, other.users());
        assertThrows(IllegalStateException.class, () -> other.munmap(at, PAGE));
        fixture.cpu.leaveGuest();
        fixture.machine.awaitQuiescence();
        assertEquals(0, fixture.frames());
        assertResult(Errno.ESRCH, other.munmap(at, PAGE));
    }

    @Test
    @DisplayName("is closed for the notifiers of its own end, of which a second close is none of their operations")
    void notifierOfTheClose() {
        long at = fixture.anonymous(1);
        fixture.cpu.switchTo(null);
        List<Object> seen = new ArrayList<>();
        space.addNotifier((start, end, reason) -> {
            space.close();
            seen.add(space.mmap(at, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
            seen.add(space.munmapAsync(at, PAGE).result());
            seen.add(String.valueOf(space.find(at)));
        });
        space.close();
        assertEquals(List.of(Errno.ESRCH.result(), Errno.ESRCH.result(), "null"), seen);
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("an asynchronous call in flight ends as without the close, which waits for it")
    void callInFlight() throws InterruptedException {
        long at = fixture.anonymous(2);
        fixture.store(at, 7);
        fixture.cpu.switchTo(null);
        try (OtherCpu guest = new OtherCpu(space)) {
            guest.call(cpu -> {
                cpu.enterGuest();
                return cpu.memory().load(at, 8);
            });
            PendingCall pending = space.munmapAsync(at, PAGE);
            assertEquals(0, pending.result());
            Thread closer = new Thread(space::close, "closer");
            closer.start();
            guest.call(cpu -> {
                cpu.leaveGuest();
                return 0;
            });
            Await.stopped(closer);
            assertEquals(0, Await.result("the unmapping", pending, fixture.reports));
            closer.join();
        }
        assertResult(Errno.ESRCH, space.munmap(at, PAGE));
        assertNull(space.find(at + PAGE));
    }
}
