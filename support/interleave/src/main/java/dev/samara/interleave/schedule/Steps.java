// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The methods that instrumented code calls. Each announces a step of the calling thread. On a thread that belongs to no
 * run or is quiet, a method only does what the replaced code did.
 */
public final class Steps {
    private static final Set<String> READS =
            Set.of("get", "getPlain", "getAcquire", "getVolatile", "getOpaque", "size", "isEmpty", "peek", "contains");

    private static final Map<VarHandle, String> NAMES = new ConcurrentHashMap<>();

    private static final Map<VarHandle, Map<VarHandle.AccessMode, MethodHandle>> HANDLES = new ConcurrentHashMap<>();

    private Steps() {}

    /** Returns the calling thread if it must announce its steps, otherwise null. */
    static @Nullable SteppedThread self() {
        return Thread.currentThread() instanceof SteppedThread thread && thread.quiet == 0 ? thread : null;
    }

    /** Returns whether the calling thread must announce its steps. */
    public static boolean isStepping() {
        return self() != null;
    }

    /** Sets the interrupt flag of the calling thread, without a step. */
    public static void interruptSelf() {
        if (Thread.currentThread() instanceof SteppedThread thread) {
            thread.interrupted = true;
        }
    }

    static void reach(Access.Kind kind, @Nullable Object base, int index, String name, String text, String site) {
        SteppedThread self = self();
        if (self != null && !self.run0().passes(self, kind)) {
            self.run0().reach(self, new Access(kind, base, index, name, text, site), null, SteppedThread.NEVER, null);
        }
    }

    /** Waits for a condition that another thread makes true. Returns whether the deadline passed first. */
    static boolean await(SteppedThread self, Access access, BooleanSupplier ready, long deadline, Object waitsFor) {
        return self.run0().reach(self, access, ready, deadline, waitsFor);
    }

    /** Records the site of the following lock operation. */
    public static void at(String site) {
        if (Thread.currentThread() instanceof SteppedThread thread) {
            thread.site = site;
        }
    }

    /**
     * Marks the start of a class initialization. It announces no steps, because the JDK holds a lock during the
     * initialization.
     */
    public static void beginQuiet() {
        if (Thread.currentThread() instanceof SteppedThread thread) {
            thread.quiet++;
        }
    }

    public static void endQuiet() {
        if (Thread.currentThread() instanceof SteppedThread thread) {
            thread.quiet--;
        }
    }

    /** Announces an access through a VarHandle. */
    public static void handle(VarHandle handle, @Nullable Object base, int index, String operation, String site) {
        SteppedThread self = self();
        if (self != null) {
            boolean reads = operation.startsWith("get") && !operation.startsWith("getAnd");
            Access.Kind kind = reads ? Access.Kind.READ : Access.Kind.WRITE;
            if (!self.run0().passes(self, kind)) {
                Access access = access(kind, handle, base, index, operation, site);
                self.run0().reach(self, access, null, SteppedThread.NEVER, null);
            }
        }
    }

    static Access access(
            Access.Kind kind, VarHandle handle, @Nullable Object base, int index, String operation, String site) {
        boolean isBuffer = base instanceof java.nio.ByteBuffer;
        String name = null;
        if (index < 0 || base == null || isBuffer) {
            name = NAMES.get(handle);
            name = name != null ? name : NAMES.computeIfAbsent(handle, Steps::name);
        }
        return new Access(kind, isBuffer ? null : base, isBuffer ? -1 : index, name, operation, site);
    }

    /** Performs an access whose types are not known at compile time. */
    static @Nullable Object invoke(VarHandle handle, VarHandle.AccessMode mode, Object[] arguments) {
        try {
            return HANDLES.computeIfAbsent(handle, any -> new EnumMap<>(VarHandle.AccessMode.class))
                    .computeIfAbsent(
                            mode,
                            any -> handle.toMethodHandle(mode)
                                    .asSpreader(Object[].class, arguments.length)
                                    .asType(MethodType.methodType(Object.class, Object[].class)))
                    .invoke(arguments);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Returns the class and the field of a VarHandle, in the same form as for volatile accesses. */
    private static String name(VarHandle handle) {
        String text = handle.describeConstable().map(Object::toString).orElse("");
        int begin = text.indexOf('[') + 1;
        int end = text.indexOf(':', begin);
        if (end > begin) {
            return text.substring(begin, end);
        }
        return handle.coordinateTypes().contains(java.nio.ByteBuffer.class) ? "frame bytes" : "element";
    }

    public static void read(@Nullable Object base, String name, String site) {
        reach(Access.Kind.READ, base, -1, name, "read", site);
    }

    public static void write(@Nullable Object base, String name, String site) {
        reach(Access.Kind.WRITE, base, -1, name, "write", site);
    }

    /** Announces a call to an object of the JDK or JCTools that threads share. */
    public static void call(Object receiver, String name, String site) {
        boolean reads = READS.contains(name);
        reach(reads ? Access.Kind.READ : Access.Kind.WRITE, receiver, -1, type(receiver), name, site);
    }

    /** Announces a call to a collection if threads may share the collection. */
    public static void collection(Object receiver, String name, String site) {
        if (receiver.getClass().getName().startsWith("java.util.concurrent.")) {
            call(receiver, name, site);
        }
    }

    private static String type(Object of) {
        return of.getClass().getSimpleName();
    }

    /** Announces an access to the bytes of a frame. Buffers may overlap, so all of them count as one location. */
    public static void bytes(String operation, String site) {
        boolean reads = operation.startsWith("get");
        reach(reads ? Access.Kind.READ : Access.Kind.WRITE, null, -1, "frame bytes", operation, site);
    }

    public static void callback(String method, String site) {
        reach(Access.Kind.NONE, null, -1, "", "call " + method, site);
    }

    public static void monitorEnter(Object of, String site) {
        SteppedThread self = self();
        if (self != null) {
            Monitor monitor = self.run0().monitor(of);
            Access access = new Access(Access.Kind.WRITE, of, -1, "monitor " + monitor.name(), "enter", site);
            self.run0().reach(self, access, () -> monitor.isFreeFor(self), SteppedThread.NEVER, monitor);
            monitor.take(self);
        }
    }

    /**
     * Exits a monitor. Does nothing once the run is over, because code that javac generates retries an exit that
     * throws, without end.
     */
    public static void monitorExit(Object of, String site) {
        SteppedThread self = self();
        if (self != null && !self.run0().isOver()) {
            Monitor monitor = self.run0().monitor(of);
            reach(Access.Kind.WRITE, of, -1, "monitor " + monitor.name(), "exit", site);
            monitor.release(self);
        }
    }

    public static boolean hasQueuedThreads(ReentrantLock lock, String site) {
        at(site);
        return lock instanceof SteppedLock stepped ? stepped.isAwaited() : lock.hasQueuedThreads();
    }

    /** Announces a wait for a future that another thread completes. */
    public static void awaitFuture(java.util.concurrent.Future<?> future, String site) {
        SteppedThread self = self();
        if (self != null) {
            Access access = new Access(Access.Kind.WRITE, future, -1, type(future), "get", site);
            self.run0().reach(self, access, future::isDone, SteppedThread.NEVER, "a future");
        }
    }
}
