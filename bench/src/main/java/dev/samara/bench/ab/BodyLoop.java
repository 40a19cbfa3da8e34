// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.ab;

import java.lang.invoke.LambdaMetafactory;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.util.List;
import java.util.function.Supplier;

/** The loop around a benchmark. Each row of each version has this class anew, and so compiled code of its own. */
final class BodyLoop {
    /** Keeps results, so that the compiler does not drop the calls. */
    @SuppressWarnings("UnusedVariable") // written only
    private static volatile Object last = "";

    private BodyLoop() {}

    /**
     * Makes a body of a method, as a lambda would be: a {@link Runnable} if it returns nothing, else a {@link
     * Supplier}. Here, since the metafactory demands a caller with the class loader of the method.
     *
     * @param captured the object, and the arguments
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

    /** Calls a body a number of times; returns the nanoseconds. */
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

    /** As {@link #nanos(Supplier, int)}, of a body without a result. */
    static long nanos(Runnable body, int times) {
        long began = System.nanoTime();
        for (int i = 0; i < times; i++) {
            body.run();
        }
        return System.nanoTime() - began;
    }
}
