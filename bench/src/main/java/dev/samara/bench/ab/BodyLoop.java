// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.ab;

import java.lang.invoke.LambdaMetafactory;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.util.List;
import java.util.function.Supplier;

/**
 * The loop around a benchmark. Each row of each version loads its own copy of this class, so that the loop is compiled
 * for that row alone.
 */
final class BodyLoop {
    /** Keeps results, so that the compiler cannot remove the calls. */
    @SuppressWarnings("UnusedVariable") // written only
    private static volatile Object last = "";

    private BodyLoop() {}

    /**
     * Converts a method to a lambda: a {@link Runnable} if it returns nothing, otherwise a {@link Supplier}. This class
     * does it because the metafactory requires a caller from the method's class loader.
     *
     * @param captured the receiver and the arguments
     */
    static Object bind(Method method, List<Object> captured) throws ReflectiveOperationException {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        MethodHandle handle = lookup.unreflect(method);
        boolean isVoid = method.getReturnType() == void.class;
        MethodType erased = MethodType.methodType(isVoid ? void.class : Object.class);
        MethodType exact = MethodType.methodType(method.getReturnType()).wrap();
        MethodType factory = handle.type().changeReturnType(isVoid ? Runnable.class : Supplier.class);
        try {
            return LambdaMetafactory.metafactory(
                            lookup, isVoid ? "run" : "get", factory, erased, handle, isVoid ? erased : exact)
                    .getTarget()
                    .invokeWithArguments(captured);
        } catch (ReflectiveOperationException | RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Calls a body {@code times} times, and returns the time in nanoseconds. */
    static long nanos(Supplier<Object> body, int times) {
        Object result = null;
        long began = System.nanoTime();
        for (int i = 0; i < times; i++) {
            Object now = body.get();
            if (now != null) {
                result = now;
            }
        }
        long took = System.nanoTime() - began;
        if (result != null) {
            last = result;
        }
        return took;
    }

    /** Like {@link #nanos(Supplier, int)}, for a body without a result. */
    static long nanos(Runnable body, int times) {
        long began = System.nanoTime();
        for (int i = 0; i < times; i++) {
            body.run();
        }
        return System.nanoTime() - began;
    }
}
