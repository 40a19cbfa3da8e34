// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A service thread that occasionally accesses a borrowed space. Each operation is one window: the CPU enters GUEST,
 * loads a number and leaves GUEST.
 *
 * <p>The borrower either remains a user of the space for all windows, or is not a user between windows. In the latter
 * case, it either releases its users, leaves, and uses the space again; or it ends the borrow, and its CPU is LAZY or
 * in its own space until the next window. All threads borrow the same space, so with {@code -t 2} two CPUs update its
 * count of users.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class BorrowBenchmark {
    private static final long AT = 0x10_0000_0000L;

    /** Called by JMH. */
    public BorrowBenchmark() {}

    /** The space that is borrowed. */
    @State(Scope.Benchmark)
    public static class Lent {
        private Machine machine;
        private AddressSpace space;

        /** Called by JMH; {@link #setUp} creates the state. */
        public Lent() {}

        /** Creates the space, and maps a page. */
        @Setup(Level.Trial)
        public void setUp() {
            machine = CpuThreads.machine(1);
            space = machine.newSpace(CpuThreads.GEOMETRY);
            int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED | MapFlags.POPULATE;
            space.throwing().mmap(AT, CpuThreads.PAGE, Protection.READ | Protection.WRITE, flags, null, 0);
        }

        /** Closes the space. */
        @TearDown(Level.Trial)
        public void tearDown() {
            space.close();
        }

        /**
         * Returns the number of users of the space.
         *
         * @return the number of references plus the number of CPUs that borrow it
         */
        int users() {
            return space.users();
        }
    }

    /** A CPU that has no space of its own. */
    @State(Scope.Thread)
    public static class Service {
        private Cpu cpu;
        private PageTableRef held;
        private BorrowedSpace borrowed;

        /** Called by JMH; {@link #setUp} creates the state. */
        public Service() {}

        /**
         * Claims the CPU, and borrows the space.
         *
         * @param lent the space
         */
        @Setup(Level.Trial)
        public void setUp(Lent lent) {
            cpu = lent.machine.claimCpu();
            held = lent.space.hold();
            borrow();
        }

        /** Releases the CPU. */
        @TearDown(Level.Trial)
        public void tearDown() {
            borrowed.close();
            held.close();
            cpu.close();
        }

        private void borrow() {
            borrowed = Objects.requireNonNull(cpu.tryUse(held, Service::letGo));
        }

        private static void letGo() {}

        private long window() {
            cpu.enterGuest();
            cpu.memory().load(AT, 8);
            long value = cpu.memory().value();
            cpu.leaveGuest();
            return value;
        }
    }

    /** A CPU that has its own space. */
    @State(Scope.Thread)
    public static class AtHome {
        private final Service service = new Service();
        private AddressSpace home;

        /** Called by JMH; {@link #setUp} creates the state. */
        public AtHome() {}

        /**
         * Claims the CPU, switches it to its own space, and borrows the other space.
         *
         * @param lent the space that it borrows
         */
        @Setup(Level.Trial)
        public void setUp(Lent lent) {
            service.setUp(lent);
            service.borrowed.close();
            home = lent.machine.newSpace(CpuThreads.GEOMETRY);
            service.cpu.switchTo(home);
            service.borrow();
        }

        /** Releases the CPU, and closes its space. */
        @TearDown(Level.Trial)
        public void tearDown() {
            service.tearDown();
            home.close();
        }
    }

    /**
     * Accesses a space that is borrowed for all windows.
     *
     * @param of the CPU
     * @return the number loaded
     */
    @Benchmark
    @About("an access in a borrowed space whose users are held for all accesses")
    public long held(Service of) {
        return of.window();
    }

    /**
     * Releases the users, leaves, and uses the space again for one access.
     *
     * @param of the CPU
     * @return the number loaded
     */
    @Benchmark
    @About("an access in a borrowed space whose users are given up between accesses")
    public long adopted(Service of) {
        try (PageTableRef left = of.borrowed.putUsers().leave()) {
            of.borrowed = Objects.requireNonNull(of.cpu.tryUse(left, Service::letGo));
        }
        return of.window();
    }

    /**
     * Ends the borrow, which leaves the CPU LAZY, and borrows the space again for one access.
     *
     * @param of the CPU
     * @return the number loaded
     */
    @Benchmark
    @About("an access in a space that is borrowed for it, by a CPU that is LAZY in between")
    public long left(Service of) {
        of.borrowed.close();
        of.borrow();
        return of.window();
    }

    /**
     * Ends the borrow, which returns the CPU to its own space, and borrows the space again for one access.
     *
     * @param of the CPU
     * @return the number loaded
     */
    @Benchmark
    @About("an access in a space that is borrowed for it, by a CPU that is in its own space in between")
    public long fromHome(AtHome of) {
        Service service = of.service;
        service.borrowed.close();
        service.borrow();
        return service.window();
    }
}
