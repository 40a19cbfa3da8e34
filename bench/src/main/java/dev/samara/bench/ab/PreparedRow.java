// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.ab;

import dev.samara.bench.report.UsageException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;

/**
 * One benchmark of one version with its JMH states, for one thread. A benchmark with set-up or tear-down methods of
 * other levels than {@code Trial} is rejected.
 */
final class PreparedRow {
    private static final String PASSWORD =
            "Today's password is swordfish. I understand instantiating Blackholes directly is" + " dangerous.";

    private final Map<Class<?>, Object> states = new LinkedHashMap<>();
    private final Map<String, String> settings;
    private final Method loop;
    private final Object body;

    /**
     * Creates the states and the loop.
     *
     * @param row class and method, such as {@code OperationBenchmark.find}
     * @param settings values of parameters by name; all other parameters get their first value
     * @throws UsageException if the row does not exist, or if its benchmark is not supported
     */
    PreparedRow(VersionLoader loader, String row, Map<String, String> settings) throws ReflectiveOperationException {
        this.settings = settings;
        int dot = row.lastIndexOf('.');
        Class<?> type = loader.loadClass("dev.samara.bench." + row.substring(0, Math.max(dot, 0)));
        Method method = benchmark(type, row.substring(dot + 1));
        List<Object> captured = new ArrayList<>();
        captured.add(state(type));
        for (Class<?> parameter : method.getParameterTypes()) {
            captured.add(parameter == Blackhole.class ? new Blackhole(PASSWORD) : state(parameter));
        }
        Class<?> loops = loader.loadClass(BodyLoop.class.getName());
        Method bind = loops.getDeclaredMethod("bind", Method.class, List.class);
        bind.setAccessible(true);
        body = bind.invoke(null, method, captured);
        Class<?> shape = method.getReturnType() == void.class ? Runnable.class : Supplier.class;
        loop = loops.getDeclaredMethod("nanos", shape, int.class);
        loop.setAccessible(true);
    }

    private static Method benchmark(Class<?> type, String name) {
        for (Method method : type.getMethods()) {
            if (method.getName().equals(name) && method.isAnnotationPresent(Benchmark.class)) {
                return method;
            }
        }
        throw new UsageException("there is no benchmark " + name + " in " + type.getName());
    }

    private Object state(Class<?> type) throws ReflectiveOperationException {
        Object known = states.get(type);
        if (known != null) {
            return known;
        }
        Constructor<?> constructor = type.getDeclaredConstructor();
        Object made = constructor.newInstance();
        for (Field field : type.getFields()) {
            Param parameter = field.getAnnotation(Param.class);
            if (parameter != null) {
                String value = settings.getOrDefault(field.getName(), parameter.value()[0]);
                field.set(made, converted(value, field.getType()));
            }
        }
        states.put(type, made);
        for (Method method : type.getMethods()) {
            Setup setup = method.getAnnotation(Setup.class);
            if (setup != null) {
                call(made, method, setup.value());
            }
        }
        return made;
    }

    private static Object converted(String value, Class<?> type) {
        if (type == int.class) {
            return Integer.valueOf(value);
        }
        return type == boolean.class ? (Object) Boolean.valueOf(value) : value;
    }

    private void call(Object state, Method method, Level level) throws ReflectiveOperationException {
        if (level != Level.Trial) {
            throw new UsageException(method + " is called for each " + level + ", which takes JMH");
        }
        List<Object> arguments = new ArrayList<>();
        for (Class<?> parameter : method.getParameterTypes()) {
            arguments.add(state(parameter));
        }
        method.invoke(state, arguments.toArray());
    }

    /** Calls the benchmark {@code times} times, and returns the time in nanoseconds. */
    long nanos(int times) throws ReflectiveOperationException {
        return (long) loop.invoke(null, body, times);
    }

    /** Calls the tear-down methods of the states, which check the states. */
    void end() throws ReflectiveOperationException {
        List<Object> all = new ArrayList<>(states.values());
        for (Object state : all) {
            for (Method method : state.getClass().getMethods()) {
                TearDown tearDown = method.getAnnotation(TearDown.class);
                if (tearDown != null) {
                    call(state, method, tearDown.value());
                }
            }
        }
    }
}
