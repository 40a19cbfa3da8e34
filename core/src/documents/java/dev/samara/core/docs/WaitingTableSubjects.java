// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static dev.samara.core.fixture.GuestScene.CALM;
import static dev.samara.core.fixture.GuestScene.LINUX;
import static dev.samara.core.fixture.GuestScene.PAGE;
import static dev.samara.core.fixture.GuestScene.REPLACED;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.CpuStatistics;
import dev.samara.core.ExitRecord;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.PageScan;
import dev.samara.core.SpaceImage;
import dev.samara.core.VmaRef;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.event.InvariantViolation;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.AccessRules;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.guest.PageRun;
import dev.samara.core.guest.TlbArrays;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.ProtectionMap;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** An object of each class, created before any thread waits, and arguments for calls. */
public final class WaitingTableSubjects {
    /** Ends a failed access by {@link FlatMemory}. */
    private static final class Failed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static final class Flat extends FlatMemory {
        Flat(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new Failed();
        }
    }

    /** Arguments that do not depend on the scene. */
    private static final Map<Class<?>, Object> CONSTANTS = Map.ofEntries(
            Map.entry(long.class, REPLACED),
            Map.entry(int.class, 1),
            Map.entry(short.class, (short) 1),
            Map.entry(byte.class, (byte) 1),
            Map.entry(boolean.class, false),
            Map.entry(double.class, 0.5),
            Map.entry(float.class, 0.5F),
            Map.entry(String.class, "x"),
            Map.entry(List.class, List.of()),
            Map.entry(Duration.class, Duration.ofSeconds(1)),
            Map.entry(ByteOrder.class, ByteOrder.LITTLE_ENDIAN));

    private final List<Object> all = new ArrayList<>();

    /** The flat memory of each CPU that made a flat access. */
    private final Map<Cpu, FlatMemory> flat = new ConcurrentHashMap<>();

    public WaitingTableSubjects(GuestScene scene) {
        scene.keep(all);
        PageCache cache = scene.machine.newPageCache(LINUX, PAGE);
        Backing backing = new CachedBacking("/cached", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                return true;
            }
        };
        SharedSegment segment = new SharedSegment(1, 2, PAGE, cache);
        Vma vma = Objects.requireNonNull(scene.space.find(CALM));
        VmaRef reference = Objects.requireNonNull(scene.space.acquire(CALM));
        try (Cpu other = scene.machine.claimCpu()) {
            other.switchTo(scene.space);
            all.add(SpaceFixture.pin(other.memory(), CALM, SpaceFixture.READ));
            all.add(Objects.requireNonNull(other.memory().view(CALM, 1)));
        }
        // Of a space of its own, because a CPU in GUEST would delay it.
        AddressSpace marked = scene.machine.newSpace(LINUX);
        Checkpoint checkpoint = marked.checkpoint();
        SpaceImage image = imageOf(marked);
        marked.close();
        all.addAll(List.of(
                scene.space,
                scene.machine,
                scene.machine.space(LINUX),
                Machine.builder().invokedHousekeeping(true).build().housekeeping(),
                Machine.builder(),
                LINUX,
                scene.file,
                cache,
                backing,
                segment,
                segment.attach(false),
                vma,
                reference,
                scene.space.hold(),
                scene.space.grab(),
                checkpoint,
                image,
                scene.claim().use(scene.space, () -> {}),
                scene.claim().use(scene.space, () -> {}).putUsers(),
                new ExitRecord(scene.space.usage(), scene.space.statistics()),
                scene.space.references().get(0),
                scene.space.snapshot(),
                scene.space.throwing(),
                scene.space.usage(),
                new PageScan(),
                scene.space.residency(),
                scene.space.smapsRollup(),
                scene.space.munmapAsync(0x60_0000_0000L, PAGE),
                scene.space.statistics(),
                scene.machine.statistics(),
                new CpuStatistics(0, 0, 0, 0, 0),
                scene.space.holdTimes(),
                AccessRules.X86_64,
                ProtectionMap.X86,
                closed(scene.space.enter()),
                scene.machine.futexes(),
                scene.machine.futexes().newWaiter(FutexTable.ANY, () -> {}),
                new FutexKey(FutexKey.Kind.PRIVATE, (int) PAGE, 1, CALM),
                scene.space.addListener(change -> {}),
                bean(scene.machine),
                scene.space.watch(0x60_0000_3000L, 1, (address, length) -> {}),
                Errno.EPERM,
                new Fault(Fault.MAPERR, 0, 1, 1),
                new InvariantViolation("I1", "none"),
                new MmException("none", Errno.EPERM),
                new HostFileException("none", "none", Errno.EPERM),
                new HostFile.DirtyRange(0, 1),
                new LayoutListener.Change(1, List.of(), List.of()),
                OpenFile.named("/open"),
                OpenFile.named("/open").open(),
                scene.machine.openFile("bytes", LINUX, ByteBuffer.allocate(8)),
                scene.machine
                        .openFile("denied", LINUX, ByteBuffer.allocate(8).asReadOnlyBuffer())
                        .denyWrites(),
                new Report(Report.Kind.LONG_WAIT, "none", null),
                new ShootdownDelivery.StalledCpu(1, Thread.currentThread(), List.of(), 1, 1, Duration.ZERO)));
    }

    private static SpaceImage imageOf(AddressSpace space) {
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            space.save(Channels.newChannel(bytes), Map.of());
            return space.machine()
                    .openImage(space.machine().openFile("image", LINUX, ByteBuffer.wrap(bytes.toByteArray())), LINUX);
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static Guest closed(Guest guest) {
        guest.close();
        return guest;
    }

    /** Returns an MBean that is already unregistered, because scenes do not close their machines. */
    private static Registration bean(Machine machine) {
        Registration bean = machine.registerMBean("subject");
        bean.close();
        return bean;
    }

    public List<Object> all() {
        return all;
    }

    private @Nullable Object of(Class<?> type) {
        return all.stream().filter(type::isInstance).findFirst().orElse(null);
    }

    private @Nullable Object argument(Class<?> type) {
        Object constant = CONSTANTS.get(type);
        if (constant != null) {
            return constant;
        } else if (type == ByteBuffer.class) {
            return ByteBuffer.allocate(8);
        } else if (type.isEnum()) {
            return type.getEnumConstants()[0];
        } else if (type.isArray()) {
            return Array.newInstance(type.getComponentType(), type == byte[].class ? 8 : 0);
        }
        Object known = of(type);
        return known != null || !type.isInterface() ? known : listener(type);
    }

    /** Returns a listener that may be called, but must not be asked for a result. */
    private static Object listener(Class<?> type) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
            if (method.getReturnType() == void.class) {
                return null;
            }
            throw new UnsupportedOperationException(method + " of " + Arrays.toString(arguments));
        });
    }

    private FlatMemory flatOf(Cpu cpu) {
        return flat.computeIfAbsent(cpu, of -> new Flat(of.memory()));
    }

    /** Returns the object of a class whose methods are called; some belong to the calling CPU. */
    private @Nullable Object self(Class<?> type, Cpu cpu) {
        if (type == Cpu.class) {
            return cpu;
        } else if (type == GuestMemory.class) {
            return cpu.memory();
        } else if (type == PageRun.class) {
            return cpu.memory().newRun();
        } else if (type == TlbArrays.class) {
            return flatOf(cpu).tlb();
        }
        return type.isAssignableFrom(FlatMemory.class) ? flatOf(cpu) : of(type);
    }

    void invoke(Method method, Cpu cpu) {
        Object self = self(method.getDeclaringClass(), cpu);
        assertTrue(self != null || Modifier.isStatic(method.getModifiers()), () -> "no object for " + method);
        Object[] arguments = Arrays.stream(method.getParameterTypes())
                .map(of -> of == GuestMemory.class ? cpu.memory() : argument(of))
                .toArray();
        try {
            if (method.invoke(self, arguments) instanceof Guest entered) {
                entered.close();
            }
        } catch (InvocationTargetException thrown) {
            if (thrown.getCause() instanceof Failed) {
                return;
            }
            if (thrown.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new AssertionError(thrown.getCause());
        } catch (IllegalAccessException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
