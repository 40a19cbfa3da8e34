// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.FutureTask;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tests of JCStress and their mutants, which the profile torture runs. */
@DisplayName("The tests of JCStress name methods that exist, and run")
@Tag("interleave")
final class TortureSourcesTest {
    private static final Path TOP =
            Path.of(System.getProperty("basedir", "")).toAbsolutePath().resolveSibling("");

    @ParameterizedTest
    @ValueSource(strings = {"maple", "core"})
    @DisplayName("they can be compiled, and each runs once")
    void compiles(String module, @TempDir Path classes) throws Exception {
        List<String> arguments = new ArrayList<>(List.of(
                "-classpath",
                TOP.resolve("maple/target/test-classes") + File.pathSeparator + System.getProperty("java.class.path"),
                "-proc:none",
                "-nowarn",
                "--release",
                "17",
                "-d",
                classes.toString()));
        int before = arguments.size();
        try (Stream<Path> files = Files.walk(TOP.resolve(module).resolve("src/jcstress/java"))) {
            files.map(Path::toString).filter(file -> file.endsWith(".java")).forEach(arguments::add);
        }
        assertTrue(arguments.size() > before, "no sources");
        StringWriter messages = new StringWriter();
        PrintWriter out = new PrintWriter(messages);
        ToolProvider compiler = ToolProvider.findFirst("javac").orElseThrow();
        int status = compiler.run(out, out, arguments.toArray(String[]::new));
        assertEquals(0, status, messages::toString);
        assertTrue(runEachOnce(classes) > 0, "no tests");
    }

    /** Runs the actors of each test once; returns the number of tests. */
    private static int runEachOnce(Path classes) throws Exception {
        List<URL> urls = new ArrayList<>(List.of(
                classes.toUri().toURL(),
                TOP.resolve("maple/target/test-classes").toUri().toURL()));
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            urls.add(Path.of(entry).toUri().toURL());
        }
        int tests = 0;
        // One loader contains the tests and the classes under test, because some tests call package-private methods.
        try (URLClassLoader loader =
                        new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
                Stream<Path> files = Files.walk(classes)) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".class")).toList()) {
                String path = classes.relativize(file).toString();
                Class<?> type = loader.loadClass(
                        path.substring(0, path.length() - ".class".length()).replace(File.separatorChar, '.'));
                if (hasAnnotation(type, "JCStressTest")) {
                    // In a separate thread, because some tests leave a CPU of their thread in GUEST.
                    FutureTask<Class<?>> run = new FutureTask<>(() -> {
                        callActors(type);
                        return type;
                    });
                    new Thread(run, type.getName()).start();
                    run.get();
                    tests++;
                }
            }
        }
        return tests;
    }

    private static void callActors(Class<?> test) throws Exception {
        Map<Class<?>, Object> objects = new HashMap<>();
        Object self = objectOf(test, objects);
        for (String role : List.of("Actor", "Arbiter")) {
            List<FutureTask<Object>> calls = new ArrayList<>();
            for (Method method : test.getDeclaredMethods()) {
                if (hasAnnotation(method, role)) {
                    List<Object> arguments = new ArrayList<>();
                    for (Class<?> parameter : method.getParameterTypes()) {
                        arguments.add(objectOf(parameter, objects));
                    }
                    calls.add(new FutureTask<>(() -> method.invoke(self, arguments.toArray())));
                }
            }
            // Concurrently, because some actors wait for each other.
            calls.forEach(call -> new Thread(call, test.getName()).start());
            for (FutureTask<Object> call : calls) {
                call.get();
            }
        }
    }

    private static Object objectOf(Class<?> type, Map<Class<?>, Object> objects) throws ReflectiveOperationException {
        if (!objects.containsKey(type)) {
            objects.put(type, type.getConstructor().newInstance());
        }
        return objects.get(type);
    }

    private static boolean hasAnnotation(AnnotatedElement element, String name) {
        return Arrays.stream(element.getAnnotations())
                .anyMatch(annotation ->
                        annotation.annotationType().getSimpleName().equals(name));
    }
}
