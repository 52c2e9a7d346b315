using System.Diagnostics;
using EvBus.Brokers;

namespace EvBus.Ingress.Kafka.Tests;

/// <summary>Where the tests find their broker. An engine for containers is not needed: a script answers in its place.</summary>
public sealed class KafkaImageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-image-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_jars_of_a_local_image_are_taken_out_once_and_no_container_is_left()
    {
        var docker = Docker("""
            case "$1 $2" in
                "image ls") echo "sha256:abc"; echo "sha256:older" ;;
                "create sha256:abc") echo box1 ;;
                "cp box1:/opt/kafka/libs") mkdir "$3/libs"; touch "$3/libs/kafka_2.13-4.1.0.jar" ;;
                "rm box1") echo box1 ;;
                *) exit 1 ;;
            esac
            """);
        var jars = KafkaImage.Jars(docker, Path.Combine(_folder, "cache"));
        Assert.Equal("kafka_2.13-4.1.0.jar", Path.GetFileName(Assert.Single(Directory.EnumerateFiles(jars!))));
        Assert.Equal(jars, KafkaImage.Jars(docker, Path.Combine(_folder, "cache")));
        Assert.Equal(["image", "create", "cp", "rm", "image"], Calls());
    }

    [Fact]
    public void Without_an_engine_an_image_or_the_command_there_are_no_jars()
    {
        Assert.Null(KafkaImage.Jars(Docker("echo 'Cannot connect to the Docker daemon' >&2; exit 1"), _folder));
        Assert.Null(KafkaImage.Jars(Docker("exit 0"), _folder));
        Assert.Null(KafkaImage.Jars(Path.Combine(_folder, "nothing"), _folder));
    }

    [Fact]
    public void An_image_without_kafka_leaves_nothing_behind()
    {
        var docker = Docker("""
            case "$1" in image) echo "sha256:abc" ;; create) echo box1 ;; rm) ;; *) exit 1 ;; esac
            """);
        Assert.Null(KafkaImage.Jars(docker, Path.Combine(_folder, "cache")));
        Assert.Equal("rm", Calls()[^1]);
        Assert.False(Directory.Exists(Path.Combine(_folder, "cache")));
    }

    private string Docker(string script)
    {
        var path = Path.Combine(_folder, "docker");
        // Written by a child: what this process has open for writing, a child of another test may still hold when it is to be run.
        using var writer = Process.Start(new ProcessStartInfo("sh", ["-c", "cat > \"$0\" && chmod 700 \"$0\"", path]) { RedirectStandardInput = true })!;
        writer.StandardInput.Write($"#!/bin/sh\necho \"$1\" >> '{_folder}/calls'\n{script}\n");
        writer.StandardInput.Close();
        writer.WaitForExit();
        return path;
    }

    private string[] Calls() => File.ReadAllLines(Path.Combine(_folder, "calls"));
}
